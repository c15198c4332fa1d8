"""Finds a watermark in a picture, or in the mean of several, whatever was cropped, scaled or mirrored; says how sure.

How sure it is follows from the key, not from what is shown. Under any picture whatever, the phase of each of its waves
lies at an angle to the key's that is as random as the key. What speaks for a mark is a sum of a_k cos(angle_k) with a_k
of the picture's own; by Chernoff's bound it exceeds t by chance with a probability of at most exp(-t^2 / sum a_k^2), as
the moments of a cosine of a random angle are those of the Bessel function I0(x) <= exp(x^2 / 4). That, times all the
places, sizes and numbers that were tried, is the probability of a false alarm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.trust.watermark_carrier import FINEST, SYNC, Carrier, tile_period_px
from avatar.trust.watermark_code import CODED_BITS, decode
from avatar.trust.watermark_numbers import NUMBER_BITS, MarkNumbers
from avatar.types import F32

Complex = NDArray[np.complex128]

SURE_LOG10: Final = -9.0
"""A mark is said to be there where chance finds one in less than one file of 10^9."""
_NO_DOUBT_LOG10: Final = -15.0
"""Nothing better is looked for."""
_SIDE: Final = 64
"""Of a tile while it is looked for, pixels."""
_PLACES: Final = 128
"""Places of the tile's corner that are tried along each side of a tile."""
_FEWEST_TILES: Final = 1.3
_MOST_TILES: Final = 10.0
"""Along the shorter side of the picture: a marked one has four, cropped ones fewer; small in a screen, more."""
_SIZE_STEP: Final = 0.006
"""A tile that is measured wrong by half of this is still in step, four tiles away, to an eighth of its finest wave."""
_FINER_SIZES: Final = (-0.006, -0.004, -0.002, 0.0, 0.002, 0.004, 0.006)
_FINER_PLACES: Final = np.arange(-0.75, 1.0, 0.25)
"""Pixels of the tile of 64."""
_LOOKED_AT: Final = 4
"""The best of the rough search that are looked at closely."""
_SURROUNDINGS: Final = 1.7
"""What is coarser than so many pixels (sigma) is taken out: it is not of the mark."""
_LEVELS_OF_NOISE: Final = 1.5
"""Busier places count less, smooth ones no more than this lets them."""
_MOST_OF_A_WAVE: Final = 2.0
"""So many times the usual strength of its neighbours: stripes and grids are waves too."""


@dataclass(frozen=True, slots=True)
class _Pose:
    """Where the tiles may lie."""

    period_px: float
    mirrored: bool
    x: float
    y: float
    """Of a tile's corner, pixels of the tile of 64."""
    score: float
    """How well the waves fit that are always sent the same, standard deviations of chance."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found in one picture."""

    numbers: MarkNumbers | None
    """None where they cannot be read."""
    log10_false_alarm: float
    """Of the probability that chance looks like this."""
    period_px: float
    """Side of a tile, pixels."""
    mirrored: bool

    @property
    def sure(self) -> bool:
        """Whether a mark is there."""
        return self.log10_false_alarm < SURE_LOG10


def find_mark(luma: F32, carrier: Carrier) -> Sighting:
    """Return the likeliest mark of a picture's brightness, (height, width) of 0..255; it may be no mark (`sure`).

    Where there is none it takes about a second.
    """
    shorter = min(luma.shape)
    expected = float(tile_period_px(luma.shape[1], luma.shape[0]))
    tried = _tried_at(luma, expected, carrier)
    best = _look_closely(luma, tried, carrier, sizes=1)
    if best.numbers is not None and best.log10_false_alarm < _NO_DOUBT_LOG10:
        return best
    count = math.ceil(math.log(_MOST_TILES / _FEWEST_TILES) / _SIZE_STEP)
    for period_px in np.geomspace(shorter / _MOST_TILES, shorter / _FEWEST_TILES, count):
        tried += _tried_at(luma, float(period_px), carrier)
    return min(best, _look_closely(luma, tried, carrier, sizes=count + 1), key=_rank)


def _rank(sighting: Sighting) -> tuple[bool, float]:
    return sighting.numbers is None or not sighting.sure, sighting.log10_false_alarm


def _tried_at(luma: F32, period_px: float, carrier: Carrier) -> list[_Pose]:
    """Return the best place of tiles of that size, as they are and mirrored."""
    spectrum = _spectrum(luma, period_px)
    sync = carrier.bits == SYNC
    x, y = carrier.waves[sync].T
    poses = []
    for mirrored in (False, True):
        values = _against_key(spectrum, carrier, mirrored=mirrored)[sync]
        grid = np.zeros((_PLACES, _PLACES), np.complex64)
        grid[y % _PLACES, x % _PLACES] = values
        fits = np.fft.fft2(grid).real
        at_y, at_x = np.unravel_index(int(fits.argmax()), fits.shape)
        score = float(fits[at_y, at_x]) / _chance(values)
        scale = _SIDE / _PLACES
        poses.append(_Pose(period_px, mirrored, float(at_x) * scale, float(at_y) * scale, score))
    return poses


def _look_closely(luma: F32, tried: list[_Pose], carrier: Carrier, *, sizes: int) -> Sighting:
    """Return the likeliest of what was tried, once its size and place are measured more finely."""
    chosen: list[_Pose] = []
    for pose in sorted(tried, key=lambda pose: -pose.score):
        if all(
            pose.mirrored != other.mirrored or abs(pose.period_px / other.period_px - 1) > 2 * _SIZE_STEP
            for other in chosen
        ):
            chosen.append(pose)
        if len(chosen) == _LOOKED_AT:
            break
    finer = len(chosen) * len(_FINER_SIZES) * len(_FINER_PLACES) ** 2
    hypotheses = 2 * sizes * _PLACES**2 + finer
    return min((_read(luma, _measured(luma, pose, carrier), carrier, hypotheses) for pose in chosen), key=_rank)


def _measured(luma: F32, rough: _Pose, carrier: Carrier) -> _Pose:
    """Return a pose, measured more finely."""
    sync = carrier.bits == SYNC
    waves, best = carrier.waves[sync], rough
    for change in _FINER_SIZES:
        period_px = rough.period_px * (1 + change)
        values = _against_key(_spectrum(luma, period_px), carrier, mirrored=rough.mirrored)[sync]
        along = [np.exp(-2j * np.pi / _SIDE * np.outer(at + _FINER_PLACES, waves[:, axis]))
                 for axis, at in enumerate((rough.x, rough.y))]  # fmt: skip
        fits = np.einsum("k,xk,yk->yx", values, *along).real
        at_y, at_x = np.unravel_index(int(fits.argmax()), fits.shape)
        score = float(fits[at_y, at_x]) / _chance(values)
        if score > best.score:
            x, y = rough.x + float(_FINER_PLACES[at_x]), rough.y + float(_FINER_PLACES[at_y])
            best = replace(best, period_px=period_px, x=x, y=y, score=score)
    return best


def _read(luma: F32, pose: _Pose, carrier: Carrier, hypotheses: int) -> Sighting:
    """Return what is written at a pose."""
    values = _against_key(_spectrum(luma, pose.period_px), carrier, mirrored=pose.mirrored)
    values = (values * np.exp(-2j * np.pi / _SIDE * (carrier.waves @ np.array([pose.x, pose.y])))).astype(values.dtype)
    fits, payload = values.real, carrier.bits != SYNC
    number = decode(np.bincount(carrier.bits[payload], fits[payload], CODED_BITS).astype(np.float32))
    by_sync = _log10_chance(pose.score, hypotheses)
    if number is None:
        return Sighting(None, by_sync, pose.period_px, pose.mirrored)
    score = float(carrier.signs(number) @ fits) / _chance(values)
    with_numbers = _log10_chance(score, hypotheses) + NUMBER_BITS * math.log10(2)
    return Sighting(MarkNumbers.unpack(number), min(with_numbers, 0.0), pose.period_px, pose.mirrored)


def _spectrum(luma: F32, period_px: float) -> Complex:
    """Return the waves of a picture (64, 64), all its tiles laid over each other, if a tile has that side."""
    scale = _SIDE / period_px
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=how)
    fine = scaled - cv2.GaussianBlur(scaled, (0, 0), _SURROUNDINGS)
    contrast = cv2.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _SURROUNDINGS))
    even = fine / (contrast + _LEVELS_OF_NOISE)
    height, width = even.shape
    rows, columns = -(-height // _SIDE), -(-width // _SIDE)
    tiles = np.zeros((rows * _SIDE, columns * _SIDE), np.float32)
    tiles[:height, :width] = even
    return np.asarray(np.fft.fft2(tiles.reshape(rows, _SIDE, columns, _SIDE).sum((0, 2))), np.complex128)


def _against_key(spectrum: Complex, carrier: Carrier, *, mirrored: bool) -> NDArray[np.complex64]:
    """Return (n,) the key's waves of a picture, turned back by the key's phases, those of a size equally strong."""
    x, y = carrier.waves.T
    values = spectrum[y % _SIDE, (-x if mirrored else x) % _SIDE]
    # Pixels are where their centres are.
    values = values * np.exp(-1j * (carrier.phases + np.pi / _SIDE * ((-x if mirrored else x) + y)))
    size = np.rint(np.hypot(x, y)).astype(np.int64)
    strength = np.abs(values)
    usual = np.sqrt(
        np.bincount(size, strength**2, FINEST + 2) / np.maximum(np.bincount(size, minlength=FINEST + 2), 1)
    )[size]
    values = values / np.maximum(np.maximum(usual, strength / _MOST_OF_A_WAVE), 1e-9)
    return np.asarray(values, np.complex64)


def _chance(values: NDArray[np.complex64]) -> float:
    """Return the standard deviation of a sum of these waves' real parts, were their phases random."""
    return max(math.sqrt(float(np.sum(np.abs(values) ** 2)) / 2), 1e-9)


def _log10_chance(score: float, hypotheses: int) -> float:
    """Return a bound of the probability that one of so many sums reaches a score by chance."""
    return min(math.log10(hypotheses) - score * abs(score) / 2 / math.log(10), 0.0)

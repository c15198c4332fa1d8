"""Marks pictures invisibly, live: a noise-like pattern added to their brightness, stronger where there is texture.

The pattern (`watermark_carrier`) stands still and stays the same over a call, so that it neither flickers nor costs an
encoder bits, and two seconds of pictures add up. `watermark_search` finds it again.
"""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.config import PictureSettings
from avatar.media.matte_beside import BLACK_LUMA, LUMA_RANGE, OPAQUE
from avatar.trust.watermark_carrier import PUBLIC_KEY, carrier_of, tile, tile_period_px
from avatar.trust.watermark_numbers import CALL_BITS, MarkNumbers, day_number
from avatar.types import F32, U8, Picture

FLAT_LEVELS: Final = 0.25
"""Strength where the picture is smooth: root mean square, levels of 255."""
BUSY_LEVELS: Final = 1.1
"""The most, where it is busy."""
LEVELS_PER_CONTRAST: Final = 0.125
"""How it grows with the standard deviation of the brightness around a place."""
MOST_LEVELS: Final = 1.05
"""Of a whole picture; with the rounding to whole levels a PSNR of 45 dB at least."""
FULL_SIDE_PX: Final = 512
LEAST_SHARE: Final = 0.7
"""Small pictures are shown larger than they are, and their grain with them: where the shorter side is less than that,
the mark is as much weaker, down to this share of it."""
REUSED: Final = 4
"""Pictures in a row that get the same mark: over an eighth of a second texture hardly changes, and it takes
seven times as long to measure as the mark to add."""
_HALVINGS: Final = 2
"""Contrast is measured in a picture halved so many times."""
_AROUND: Final = (5, 5)
"""Its pixels that count as the surroundings of one."""
_KEPT_SIZES: Final = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marker adds to pictures."""

    numbers: MarkNumbers
    key: str = field(default=PUBLIC_KEY, repr=False)


@dataclass(slots=True)
class _Change:
    """What is added to some pictures of one size, (height, width) levels each."""

    up: U8
    down: U8
    left: int
    """How many pictures more it is added to."""


class Marker:
    """Marks the pictures of one call, of whatever sizes. Not thread-safe: one thread at a time.

    0.25 ms of processor time a picture of 512 x 512 in planar YUV (`benchmarks.watermark`).
    """

    def __init__(self, mark: Mark | None) -> None:
        """Mark with this; None: give pictures back as they are."""
        self.mark = mark
        self._patterns: dict[tuple[int, int], F32] = {}
        self._last: _Change | None = None

    def mark_picture(self, picture: Picture) -> Picture:
        """Return a picture, marked."""
        return replace(picture, i420=self.mark_i420(picture.i420, matte=picture.matte))

    def mark_i420(self, i420: U8, *, matte: bool = False) -> U8:
        """Return planar YUV 4:2:0 (height * 3 / 2, width), even sides, marked; a new array.

        `matte`: its right half is the matte of its left one (`media.matte_beside`), where nothing of the avatar is
        nothing of the mark either.
        """
        if self.mark is None:
            return i420
        height = i420.shape[0] * 2 // 3
        if matte:
            return self._mark_beside_matte(self.mark, i420, height)
        luma, marked = i420[:height], np.empty_like(i420)
        marked[height:] = i420[height:]
        if self._last is None or self._last.left == 0 or self._last.up.shape != luma.shape:
            self._last = self._measured(self.mark, luma)
        self._last.left -= 1
        cv2.add(luma, self._last.up, dst=marked[:height])
        cv2.subtract(marked[:height], self._last.down, dst=marked[:height])
        return marked

    def _measured(self, mark: Mark, luma: U8) -> _Change:
        """Return what some pictures with this brightness (height, width) get."""
        size = luma.shape[1], luma.shape[0]
        factors = self._wide_strength(_coarse(luma), None, size), self._pattern(mark, size)
        # Apart, up and down are bytes, which are added in half the time that numbers with a sign take.
        up, down = (cv2.multiply(*factors, scale=sign, dtype=cv2.CV_8U) for sign in (1, -1))
        return _Change(np.asarray(up, np.uint8), np.asarray(down, np.uint8), REUSED)

    def _mark_beside_matte(self, mark: Mark, i420: U8, height: int) -> U8:
        """Return a picture marked whose right half is a matte; each anew: beside a person nothing may be added."""
        width = i420.shape[1] // 2
        luma = i420[:height, :width]
        share = (_coarse(i420[:height, width:]) - BLACK_LUMA) * (1 / LUMA_RANGE)
        change = self._change(mark, _coarse(luma), share, (width, height))
        marked = i420.copy()
        marked[:height, :width] = cv2.add(luma, change, dtype=cv2.CV_8U)
        return marked

    def mark_rgb(self, rgb: U8) -> U8:
        """Return RGB (height, width, 3), or premultiplied RGBA (height, width, 4), marked; a new array."""
        if self.mark is None:
            return rgb
        height, width, channels = rgb.shape
        small = _coarse(rgb)
        luma = cv2.cvtColor(small[..., :3], cv2.COLOR_RGB2GRAY)
        share = small[..., 3] * np.float32(1 / OPAQUE) if channels == 4 else None
        change = self._change(self.mark, np.asarray(luma, np.float32), share, (width, height))
        if channels == 3:
            return np.asarray(cv2.add(rgb, cv2.merge([change] * 3), dtype=cv2.CV_8U), np.uint8)
        alpha = np.ascontiguousarray(rgb[..., 3])
        colours = cv2.add(rgb, cv2.merge([change] * 3 + [np.zeros_like(change)]), dtype=cv2.CV_8U)
        # Premultiplied colours are never brighter than their share.
        return np.asarray(cv2.min(colours, cv2.merge([alpha] * 4)), np.uint8)

    def _change(self, mark: Mark, coarse: F32, share: F32 | None, size: tuple[int, int]) -> NDArray[np.int16]:
        """Return (height, width) int16 levels to be added to a picture whose brightness is `coarse`, small."""
        wide = self._wide_strength(coarse, share, size)
        return np.asarray(cv2.multiply(wide, self._pattern(mark, size), dtype=cv2.CV_16S))

    def _wide_strength(self, coarse: F32, share: F32 | None, size: tuple[int, int]) -> F32:
        """Return (height, width): how strong the mark is at each pixel of a picture whose brightness is `coarse`."""
        strength = _strength(coarse) * np.float32(min(max(min(size) / FULL_SIDE_PX, LEAST_SHARE), 1.0))
        if share is not None:
            strength *= np.clip(share, 0, 1)
        return np.asarray(cv2.resize(strength, size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _pattern(self, mark: Mark, size: tuple[int, int]) -> F32:
        pattern = self._patterns.get(size)
        if pattern is None:
            width, height = size
            period = tile_period_px(width, height)
            one = tile(carrier_of(mark.key), mark.numbers.pack(), period)
            repeated = np.tile(one, (-(-height // period), -(-width // period)))
            pattern = np.ascontiguousarray(repeated[:height, :width])
            while len(self._patterns) >= _KEPT_SIZES:
                del self._patterns[next(iter(self._patterns))]
            self._patterns[size] = pattern
        return pattern


def marker_of(picture: PictureSettings, *, call: int | None = None, today: datetime.date | None = None) -> Marker:
    """Return what marks the pictures of a call as its settings say; where they are not to be marked, it does nothing.

    Args:
        picture: the settings.
        call: its number, 0..16383; None: one drawn by chance.
        today: the day that the mark says, UTC; None: this one.
    """
    if picture.watermark == "off":
        return Marker(None)
    today = today or datetime.datetime.now(datetime.UTC).date()
    call = secrets.randbelow(1 << CALL_BITS) if call is None else call
    numbers = MarkNumbers(picture.watermark_server, day_number(today), call)
    return Marker(Mark(numbers, picture.watermark_key or PUBLIC_KEY))


def _coarse(picture: U8) -> F32:
    # Halved twice, which OpenCV does in a fifth of the time of a quarter at once.
    for _ in range(_HALVINGS):
        size = (max(picture.shape[1] // 2, 1), max(picture.shape[0] // 2, 1))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture.astype(np.float32)


def _strength(luma: F32) -> F32:
    """Return how strong the mark is at each place of a small picture, levels."""
    mean = cv2.blur(luma, _AROUND)
    contrast = np.sqrt(np.maximum(cv2.blur(luma * luma, _AROUND) - mean * mean, 0))
    # A smooth place beside an edge is smooth: the mark would be seen there.
    contrast = cv2.erode(contrast, np.ones((3, 3), np.uint8))
    strength = cv2.blur(np.minimum(FLAT_LEVELS + LEVELS_PER_CONTRAST * contrast, BUSY_LEVELS), (3, 3))
    whole = float(np.sqrt(np.mean(strength * strength)))
    return np.asarray(strength * min(1.0, MOST_LEVELS / whole), np.float32)

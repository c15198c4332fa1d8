"""The watermark's pattern: a noise-like tile, repeated over the picture, whose Fourier phases come from a key.

A tile is a sum of waves of 10 to 24 periods a tile, all equally strong. The phase of each comes from the key. A quarter
of them, drawn by the key, are always sent the same: by these the pattern is found. The others are sent as they are or
upside down, as the coded bits say, each bit by about four waves. Without the key the pattern is noise.

Four tiles fill the shorter side of a picture, so that the waves are 5 to 13 pixels long at 512 x 512: finer ones do not
survive H.264 at 500 kbit/s, coarser ones are covered by what is shown, and seen more easily.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.trust.watermark_code import CODED_BITS, encode
from avatar.types import F32

PUBLIC_KEY: Final = "avatar-watermark-1"
"""The key where no other is set: with it anybody can find the mark, and say what it says."""
COARSEST: Final = 10
FINEST: Final = 24
"""Periods a tile."""
TILES_ACROSS: Final = 4
"""Tiles along a picture's shorter side."""
SHORTEST_PERIOD_PX: Final = 96
"""Of a tile in small pictures: waves shorter than four pixels would be lost in their encoder."""
SYNC: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """The waves of one key."""

    waves: NDArray[np.int64]
    """(n, 2), periods a tile in x and y: one of each pair that point opposite ways."""
    phases: F32
    """(n,), radians at the tile's upper left corner."""
    bits: NDArray[np.int64]
    """(n,), the coded bit that each carries, `SYNC` for those by which the pattern is found."""

    def signs(self, number: int) -> F32:
        """Return (n,) how each wave is sent for a number of 32 bits: 1, or -1 for upside down."""
        coded = np.append(encode(number), 1)  # SYNC is the last
        return np.asarray(coded[self.bits], np.float32)


def tile_period_px(width: int, height: int) -> int:
    """Return the side of a tile in a picture that is being marked, pixels."""
    return max(SHORTEST_PERIOD_PX, round(min(width, height) / TILES_ACROSS))


@lru_cache(maxsize=4)
def carrier_of(key: str) -> Carrier:
    """Return the waves of a key."""
    span = range(-FINEST, FINEST + 1)
    waves = np.array(
        [(x, y) for x in range(FINEST + 1) for y in span if COARSEST**2 <= x * x + y * y <= FINEST**2 and (x or y > 0)]
    )
    count = len(waves)
    drawn = np.frombuffer(hashlib.shake_256(key.encode()).digest(8 * count), ">u4").reshape(2, count)
    phases = (drawn[0] * (2 * np.pi / 2**32)).astype(np.float32)
    bits = np.empty(count, np.int64)
    order = np.argsort(drawn[1], kind="stable")
    sync, payload = order[: count // 4], order[count // 4 :]
    bits[sync] = SYNC
    bits[payload] = np.arange(len(payload)) % CODED_BITS
    return Carrier(waves, phases, bits)


def tile(carrier: Carrier, number: int, period_px: int) -> F32:
    """Return the tile (period_px, period_px) for a number of 32 bits, of mean 0 and root mean square 1."""
    x, y = carrier.waves.T
    # Pixels are where their centres are: half a pixel from the tile's corner.
    angles = carrier.phases + np.pi * (x + y) / period_px
    values = carrier.signs(number) * np.exp(1j * angles)
    spectrum = np.zeros((period_px, period_px), np.complex128)
    spectrum[y % period_px, x % period_px] = values
    spectrum[-y % period_px, -x % period_px] = np.conj(values)
    return np.asarray(np.fft.ifft2(spectrum).real * period_px**2 / np.sqrt(2 * len(carrier.waves)), np.float32)

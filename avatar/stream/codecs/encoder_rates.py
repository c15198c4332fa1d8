"""At which bit rate an encoder is opened, and when another one is worth its price: rules without an encoder."""

from __future__ import annotations

from typing import Final

from avatar.timing.rtp_clock import VIDEO_RATE

CEILING_STEP: Final = 3
LEAST_CEILING_BPS: Final = 300_000
PACE_SHARE: Final = 0.05
"""Weight of the newest picture in the mean distance of pictures."""
MOST_APART: Final = 2.0
BUFFER_S: Final = 1 / 6
"""What the buffer of an encoder holds of a second at its ceiling: a key frame takes up to nine tenths of it."""
NARROW_BUFFER_S: Final = 0.1
"""And below the highest ceiling, of a second at the rate wanted: a narrow line shows nothing until one has come."""
LEAST_BUFFER_BITS: Final = 20_000
"""A key frame of 512x512 pixels shows a face in 2.2 kB (PSNR 29 dB), and nothing in 1.5 kB (13 dB)."""
LOWER_SHARE: Final = 0.08
HIGHER_SHARE: Final = 0.25
"""Where a new rate costs a key frame, it is taken when the wanted rate has moved by such a share. Soon on the way down,
where more than the path carries is sent; on the way up the picture is only softer than it could be, and the rate rises
by 8 % a second at most."""


def is_worth_a_key_frame(now_bps: int, wanted_bps: int) -> bool:
    """Return whether the wanted rate is so far from the one an encoder has that it should change."""
    return not (1 - LOWER_SHARE) * now_bps <= wanted_bps <= (1 + HIGHER_SHARE) * now_bps


def lowest_ceiling_bps(wanted_bps: int, max_bps: int) -> int:
    """Return the least ceiling above the rate wanted: `max_bps`, a third of it, a ninth and so on."""
    ceiling_bps = max_bps
    while ceiling_bps // CEILING_STEP >= max(wanted_bps, LEAST_CEILING_BPS):
        ceiling_bps //= CEILING_STEP
    return ceiling_bps


def buffer_bits(wanted_bps: int, ceiling_bps: int, max_bps: int) -> int:
    """Return how large a buffer (VBV) an encoder is opened with, at a ceiling of `lowest_ceiling_bps`."""
    most_bits = round(BUFFER_S * ceiling_bps)
    if ceiling_bps == max_bps:
        return most_bits
    return min(max(round(NARROW_BUFFER_S * wanted_bps), LEAST_BUFFER_BITS), most_bits)


class PicturePace:
    """Measures how much further apart pictures are than at the rate that an encoder was opened for."""

    def __init__(self, fps: int) -> None:
        self._ticks = VIDEO_RATE / fps
        self._apart = 1.0
        self._last: int | None = None

    def take(self, pts: int) -> float:
        """Note a picture's time; return by how much the mean distance of the last ones is larger (1: not at all)."""
        if self._last is not None:
            apart = min(max((pts - self._last) / self._ticks, 1 / MOST_APART), MOST_APART)
            self._apart += PACE_SHARE * (apart - self._apart)
        self._last = pts
        return self._apart

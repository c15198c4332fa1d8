"""RTP's clock of video: 90 kHz, in 32 bits that wrap after 13 hours (RFC 3550, 5.1; RFC 6184, 5.1)."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

VIDEO_RATE: Final = 90_000
"""Ticks a second."""
VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_RATE)
"""Seconds a tick, as PyAV takes it."""


def video_ticks(seconds: float) -> int:
    """Return how many ticks a time is, not wrapped."""
    return round(seconds * VIDEO_RATE)


def wrapped(ticks: int) -> int:
    """Return a number of ticks as it stands on the wire, 0 to 2**32 - 1. A difference of two timestamps is one too."""
    return ticks & 0xFFFFFFFF

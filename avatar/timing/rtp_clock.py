"""RTP's clocks: 90 kHz for video, in 32 bits that wrap after 13 hours (RFC 3550, 5.1; RFC 6184, 5.1), 48 for audio."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

VIDEO_RATE: Final = 90_000
"""Ticks a second."""
VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_RATE)
"""Seconds a tick, as PyAV takes it."""
AUDIO_RATE: Final = 48_000
"""Ticks a second of Opus, whatever it carries (RFC 7587, 4.1); a call's audio has as many samples on its way."""
AUDIO_TIME_BASE: Final = Fraction(1, AUDIO_RATE)


def video_ticks(seconds: float) -> int:
    """Return how many ticks a time is, not wrapped."""
    return round(seconds * VIDEO_RATE)


def wrapped(ticks: int) -> int:
    """Return a number of ticks as it stands on the wire, 0 to 2**32 - 1. A difference of two timestamps is one too."""
    return ticks & 0xFFFFFFFF

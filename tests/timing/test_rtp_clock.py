"""Timestamps of video as they stand on the wire."""

from __future__ import annotations

from avatar.timing.rtp_clock import VIDEO_RATE, VIDEO_TIME_BASE, video_ticks, wrapped


def test_seconds_and_ticks_are_the_same_time() -> None:
    assert video_ticks(1.0) == VIDEO_RATE == 90_000
    assert video_ticks(1 / 30) * VIDEO_TIME_BASE * 30 == 1


def test_a_timestamp_begins_anew_after_thirteen_hours_and_differences_stay_right() -> None:
    before, after = wrapped(video_ticks(47_721.8)), wrapped(video_ticks(47_721.9))
    assert after < before < 2**32
    assert wrapped(after - before) == video_ticks(0.1)
    assert wrapped(-1) == 2**32 - 1

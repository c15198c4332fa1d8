"""The figures of a second are those of that second."""

from __future__ import annotations

from avatar.call.meter import CallMeter


def test_a_second_of_pictures_and_sound() -> None:
    meter = CallMeter(10.0)
    for _ in range(30):
        meter.picture_sent(5000, 0.001, 0.030)
    for _ in range(50):
        meter.sound_sent(0.035)
    second = meter.read(11.0)
    assert (second.fps, second.latency_ms, second.encode_ms) == (30.0, 30.0, 1.0)
    assert second.bitrate_bps == 1_200_000
    assert second.av_offset_ms == 5.0, "the sound is 5 ms late"
    assert meter.encode_s == 0.001


def test_a_second_of_nothing_says_so() -> None:
    meter = CallMeter(0.0)
    meter.picture_sent(5000, 0.001, None)
    assert meter.read(1.0).latency_ms is None, "an idle picture answers no camera frame"
    second = meter.read(2.0)
    assert (second.fps, second.bitrate_bps, second.av_offset_ms, second.encode_ms) == (0.0, 0, None, None)

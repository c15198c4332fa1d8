"""The figures of a second are those of that second; totals are those of the call."""

from __future__ import annotations

import numpy as np

from avatar.call.statistics import CallStatistics
from avatar.session.protocol import SessionStats
from avatar.stream.video_track import SentPicture
from avatar.types import CaptureStamp, Picture

SESSION = SessionStats(29.5, {"perceive": 7.0}, dropped=2, face="tracked")
I420 = np.zeros((96, 48), np.uint8)


def picture(sent_s: float, arrival_s: float | None) -> SentPicture:
    """Return a picture of 48 x 64 that took 1 ms to encode and has 5000 bytes."""
    capture = None if arrival_s is None else CaptureStamp(arrival_s, 90_000)
    return SentPicture(Picture(0.0, I420, capture), 180_000, 0.001, 5000, False, sent_s)


def test_a_second_of_pictures_and_sound() -> None:
    statistics = CallStatistics((256, 256), 10.0)
    for _ in range(30):
        statistics.camera_frame(skipped=1)
        statistics.picture_sent(picture(10.5, 10.47))
    for _ in range(50):
        statistics.sound_sent(0.035)
    second = statistics.read(SESSION, 5, 11.0)
    assert (second.fps, second.camera_fps, second.latency_ms) == (30.0, 29.5, 30.0)
    assert second.stage_ms == {"perceive": 7.0, "encode": 1.0}
    assert second.bitrate_bps == 1_200_000
    assert (second.width, second.height, second.face) == (48, 64, "tracked")
    assert second.av_offset_ms == 5.0, "the sound is 5 ms late"
    assert second.dropped == 2 + 5 + 30, "in the session, on the way, and passed over"
    assert statistics.latest is second
    assert (statistics.pictures_sent, statistics.camera_frames, statistics.bytes_sent) == (30, 30, 150_000)


def test_a_second_of_nothing_says_so() -> None:
    statistics = CallStatistics((256, 256), 0.0)
    statistics.picture_sent(picture(0.5, None))
    assert statistics.read(SESSION, 0, 1.0).latency_ms is None, "an idle picture answers no camera frame"
    second = statistics.read(SESSION, 0, 2.0)
    assert (second.fps, second.bitrate_bps, second.av_offset_ms) == (0.0, 0, None)
    assert "encode" not in second.stage_ms
    assert statistics.pictures_sent == 1, "in all"

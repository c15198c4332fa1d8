"""Which camera frame a picture answers is known from a few pairs, across the end of the 32-bit clock too."""

from __future__ import annotations

from avatar.timing.answered_frames import FRAMES_KEPT, AnsweredFrames
from avatar.timing.rtp_clock import wrapped
from avatar.types import CaptureStamp


def sent_from(first: int, count: int = 10) -> tuple[AnsweredFrames, list[CaptureStamp]]:
    frames = AnsweredFrames()
    stamps = [CaptureStamp(number / 30, 0) for number in range(count)]
    for number, stamp in enumerate(stamps):
        frames.sent(wrapped(first + number * 3000), stamp)
    return frames, stamps


def test_nothing_is_known_before_the_first_pair() -> None:
    frames, _ = sent_from(0)
    assert frames.answered_by(3000) is None


def test_one_pair_tells_the_others_though_they_are_a_little_off() -> None:
    frames, stamps = sent_from(100_000)
    frames.pair(100_000, 500_000)
    assert frames.answered_by(500_000 + 4 * 3000 + 700) is stamps[4]
    assert frames.answered_by(500_000 + 9 * 3000 - 900) is stamps[9]


def test_the_clock_may_run_over() -> None:
    frames, stamps = sent_from(2**32 - 6000)
    frames.pair(2**32 - 6000, 2**32 - 9000)
    assert frames.answered_by(wrapped(2**32 - 9000 + 5 * 3000)) is stamps[5]


def test_a_picture_that_answers_no_frame_that_is_remembered() -> None:
    frames, _ = sent_from(0, FRAMES_KEPT + 50)
    frames.pair(0, 0)
    assert frames.answered_by(0) is None
    assert frames.answered_by(100 * 3000) is not None

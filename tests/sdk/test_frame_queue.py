"""FrameQueue between who draws and who takes: bounded, in order, each with its picture or in time without."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from avatar.errors import AvatarError, ServerGoneError
from avatar.sdk.frame_queue import FrameQueue, TakenTick
from avatar.sdk.speech_playout import SpeechPlayout
from avatar.types import U8

FPS, RATE = 30, 48_000
PICTURE: U8 = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def queue() -> FrameQueue:
    made = FrameQueue(SpeechPlayout(RATE, FPS))
    made.begin(0.1)
    return made


def due(queue: FrameQueue, index: int) -> float:
    assert queue.clock is not None
    return queue.clock.due_s(index)


def test_nothing_is_planned_before_the_first_is_asked_for_nor_more_than_may_wait() -> None:
    queue = FrameQueue(SpeechPlayout(RATE, FPS))
    assert queue.plan_in_s(0.5, 9) == math.inf and queue.take(time.monotonic()) == math.inf
    before_s = time.monotonic()
    assert queue.begin(0.1) is queue.begin(9.0)
    assert before_s + 0.1 <= due(queue, 0) <= time.monotonic() + 0.1
    planned = 0
    while queue.plan_in_s(10.0, 5) == 0:
        planned += 1
        assert queue.plan().index == planned - 1
    assert planned == 5 and queue.plan_in_s(10.0, 5) == math.inf


def test_a_beat_is_planned_as_long_before_it_is_due_as_is_asked(queue: FrameQueue) -> None:
    latest_s = due(queue, 0) - 0.02 - time.monotonic()
    planned_in_s = queue.plan_in_s(0.02, 5)
    assert max(due(queue, 0) - 0.02 - time.monotonic(), 0) <= planned_in_s <= max(latest_s, 0)


def test_a_picture_makes_a_beat_ready_and_gives_up_those_of_earlier_ones(queue: FrameQueue) -> None:
    for _ in range(3):
        queue.plan()
    assert queue.take(due(queue, 0) + 1.0) == math.inf, "its picture is waited for"
    queue.settle(1, PICTURE)
    queue.settle(0, PICTURE)
    first, second = queue.take(due(queue, 0)), queue.take(due(queue, 1))
    assert isinstance(first, TakenTick) and first.tick.index == 0 and first.rgb is None
    assert isinstance(second, TakenTick) and second.tick.index == 1 and second.rgb is PICTURE
    assert queue.take(due(queue, 2)) == math.inf


def test_a_beat_is_taken_when_it_is_due_and_a_pause_puts_the_clock_off(queue: FrameQueue) -> None:
    for index in range(2):
        queue.plan()
        queue.settle(index, PICTURE)
    assert queue.take(due(queue, 0) - 0.03) == pytest.approx(0.03)
    on_time = queue.take(due(queue, 0) + 0.01)
    assert isinstance(on_time, TakenTick) and not on_time.slipped and on_time.late_s == pytest.approx(0.01)
    was_due = due(queue, 1)
    late = queue.take(was_due + 1.0)
    assert isinstance(late, TakenTick) and late.slipped and due(queue, 1) == pytest.approx(was_due + 1.0)


def test_patience_ends_and_sound_goes_without_its_picture(queue: FrameQueue) -> None:
    queue.patience_s = 0.02
    queue.plan()
    assert queue.take(due(queue, 0)) == pytest.approx(0.02)
    taken = queue.take(due(queue, 0) + 0.021)
    assert isinstance(taken, TakenTick) and taken.rgb is None
    queue.settle(0, PICTURE)
    assert queue.take(due(queue, 1)) == math.inf, "a picture that comes too late is nobody's"


def test_what_nobody_takes_any_more_is_told_once(queue: FrameQueue) -> None:
    told: list[str] = []
    queue.on_change, queue.on_ready = (lambda: told.append("change")), (lambda: told.append("ready"))
    queue.playout.push(np.full(RATE, 7, np.int16), RATE, None)
    for _ in range(3):
        queue.plan()
    assert queue.untaken() == []
    queue.fail(ServerGoneError("first"))
    queue.fail(AvatarError("second"))
    assert str(queue.failure) == "first" and {"change", "ready"} <= set(told)
    assert len(queue.playout.unspoken(queue.untaken())) == RATE and queue.untaken() == []


def test_a_failure_after_closing_is_none(queue: FrameQueue) -> None:
    queue.close()
    queue.fail(AvatarError("too late"))
    assert queue.closed and queue.failure is None

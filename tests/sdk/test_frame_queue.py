"""Beats between who draws and who takes: bounded, in order, each with its picture or in time without."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from avatar.errors import AvatarError, ServerGoneError
from avatar.sdk.frame_queue import Beats, TakenBeat
from avatar.sdk.speech_playout import SpeechLine
from avatar.types import U8

FPS, RATE = 30, 48_000
PICTURE: U8 = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def beats() -> Beats:
    made = Beats(SpeechLine(RATE, FPS))
    made.begin(0.1)
    return made


def due(beats: Beats, index: int) -> float:
    assert beats.pace is not None
    return beats.pace.due_s(index)


def test_nothing_is_planned_before_the_first_is_asked_for_nor_more_than_may_wait() -> None:
    beats = Beats(SpeechLine(RATE, FPS))
    assert beats.plan_in_s(0.5, 9) == math.inf and beats.take(time.monotonic()) == math.inf
    before_s = time.monotonic()
    assert beats.begin(0.1) is beats.begin(9.0)
    assert before_s + 0.1 <= due(beats, 0) <= time.monotonic() + 0.1
    planned = 0
    while beats.plan_in_s(10.0, 5) == 0:
        planned += 1
        assert beats.plan().index == planned - 1
    assert planned == 5 and beats.plan_in_s(10.0, 5) == math.inf


def test_a_beat_is_planned_as_long_before_it_is_due_as_is_asked(beats: Beats) -> None:
    latest_s = due(beats, 0) - 0.02 - time.monotonic()
    planned_in_s = beats.plan_in_s(0.02, 5)
    assert max(due(beats, 0) - 0.02 - time.monotonic(), 0) <= planned_in_s <= max(latest_s, 0)


def test_a_picture_makes_a_beat_ready_and_gives_up_those_of_earlier_ones(beats: Beats) -> None:
    for _ in range(3):
        beats.plan()
    assert beats.take(due(beats, 0) + 1.0) == math.inf, "its picture is waited for"
    beats.settle(1, PICTURE)
    beats.settle(0, PICTURE)
    first, second = beats.take(due(beats, 0)), beats.take(due(beats, 1))
    assert isinstance(first, TakenBeat) and first.beat.index == 0 and first.rgb is None
    assert isinstance(second, TakenBeat) and second.beat.index == 1 and second.rgb is PICTURE
    assert beats.take(due(beats, 2)) == math.inf


def test_a_beat_is_taken_when_it_is_due_and_a_pause_puts_the_clock_off(beats: Beats) -> None:
    for index in range(2):
        beats.plan()
        beats.settle(index, PICTURE)
    assert beats.take(due(beats, 0) - 0.03) == pytest.approx(0.03)
    on_time = beats.take(due(beats, 0) + 0.01)
    assert isinstance(on_time, TakenBeat) and not on_time.slipped and on_time.late_s == pytest.approx(0.01)
    was_due = due(beats, 1)
    late = beats.take(was_due + 1.0)
    assert isinstance(late, TakenBeat) and late.slipped and due(beats, 1) == pytest.approx(was_due + 1.0)


def test_patience_ends_and_sound_goes_without_its_picture(beats: Beats) -> None:
    beats.patience_s = 0.02
    beats.plan()
    assert beats.take(due(beats, 0)) == pytest.approx(0.02)
    taken = beats.take(due(beats, 0) + 0.021)
    assert isinstance(taken, TakenBeat) and taken.rgb is None
    beats.settle(0, PICTURE)
    assert beats.take(due(beats, 1)) == math.inf, "a picture that comes too late is nobody's"


def test_what_nobody_takes_any_more_is_told_once(beats: Beats) -> None:
    told: list[str] = []
    beats.on_change, beats.on_ready = (lambda: told.append("change")), (lambda: told.append("ready"))
    beats.line.push(np.full(RATE, 7, np.int16), RATE, None)
    for _ in range(3):
        beats.plan()
    assert beats.untaken() == []
    beats.fail(ServerGoneError("first"))
    beats.fail(AvatarError("second"))
    assert str(beats.failure) == "first" and {"change", "ready"} <= set(told)
    assert len(beats.line.unspoken(beats.untaken())) == RATE and beats.untaken() == []


def test_a_failure_after_closing_is_none(beats: Beats) -> None:
    beats.close()
    beats.fail(AvatarError("too late"))
    assert beats.closed and beats.failure is None

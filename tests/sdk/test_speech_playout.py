"""The sound of an avatar, tick by tick: what the mouth is told is what will be heard, each sample once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from avatar.sdk.speech_playout import AHEAD_S, SpeechPlayout, Tick
from avatar.timing.speech_events import SpeechInterrupted

FPS, RATE = 30, 48_000


def speech(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (np.arange(round(seconds * RATE)) % 9973 + 1).astype(np.int16)


def go(playout: SpeechPlayout, first: int, count: int) -> list[Tick]:
    """Plan ticks and hand each over at its time."""
    ticks = []
    for index in range(first, first + count):
        ticks.append(playout.plan(index))
        playout.hand_over(ticks[-1], index / FPS)
    return ticks


def told_line(ticks: list[Tick]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return all that was told on one line, and check that nothing overlaps."""
    line = np.full(round(ticks[-1].mouth.time_s * RATE) + RATE, -1, np.int16)
    for tick in ticks:
        at = round(tick.mouth.begin_s * RATE)
        assert (line[at : at + len(tick.mouth.samples)] == -1).all(), "told twice"
        line[at : at + len(tick.mouth.samples)] = tick.mouth.samples
    return line


@pytest.mark.parametrize("complete", [True, False])
def test_the_mouth_is_told_what_is_heard_a_little_earlier(complete: bool) -> None:
    playout = SpeechPlayout(RATE, FPS)
    playout.push(speech(1.0), RATE, None)
    if complete:
        playout.end(None)
    ticks = go(playout, 0, 45)
    heard = np.concatenate([tick.samples for tick in ticks])
    assert np.array_equal(heard[:RATE], speech(1.0)) and not heard[RATE:].any()
    assert np.array_equal(told_line(ticks)[:RATE], heard[:RATE])
    first = ticks[0].mouth
    assert first.speaking and len(first.samples) == pytest.approx(RATE * (1 / FPS + AHEAD_S), abs=1)


def test_silence_tells_nothing() -> None:
    ticks = go(SpeechPlayout(RATE, FPS), 0, 10)
    assert all(not len(tick.mouth.samples) and not tick.mouth.speaking for tick in ticks)
    assert [tick.mouth.time_s for tick in ticks] == pytest.approx(np.arange(10) / FPS)


def test_an_interruption_is_told_with_the_next_beat_and_what_is_said_next_is_told_anew() -> None:
    playout = SpeechPlayout(RATE, FPS)
    playout.push(speech(2.0), RATE, None)
    before = go(playout, 0, 10)
    (cut,) = playout.interrupt(10 / FPS)
    assert isinstance(cut, SpeechInterrupted) and cut.heard_ms == pytest.approx(1e3 * 10 / FPS)
    playout.push(speech(0.5), RATE, "next")
    playout.end("next")
    after = go(playout, 10, 20)
    assert {tick.mouth.cut.number for tick in before} == {0}
    assert {(tick.mouth.cut.number, round(tick.mouth.cut.time_s * FPS)) for tick in after} == {(1, 10)}
    assert np.array_equal(told_line(after)[10 * RATE // FPS :][: RATE // 2], speech(0.5))
    assert playout.interrupt(9.0) == () and playout.plan(30).mouth.cut.number == 1, "silence is not interrupted"


def test_what_was_planned_before_an_interruption_is_silent_and_no_longer_unspoken() -> None:
    playout = SpeechPlayout(RATE, FPS)
    playout.push(speech(1.0), RATE, None)
    planned = [playout.plan(index) for index in range(3)]
    assert len(SpeechPlayout(RATE, FPS).unspoken()) == 0
    playout.interrupt(0.0)
    handed = playout.hand_over(planned[0], 0.0)
    assert handed.spoken == 0 and not handed.samples.any()
    assert len(playout.unspoken(planned[1:])) == 0


@pytest.mark.parametrize("marker", ["second", None])
def test_what_resampling_held_back_belongs_to_whoever_speaks(marker: str | None) -> None:
    playout = SpeechPlayout(RATE, FPS)
    half = speech(0.25)
    playout.push(half, RATE // 2, "first")
    playout.push(half, RATE // 2, "second")
    playout.end("first")
    playout.push(half, RATE // 2, "second")
    playout.end(marker)
    ticks = go(playout, 0, 60)
    spans = [span for tick in ticks for span in tick.spans]
    assert sorted({span.utterance for span in spans}) == [1, 2]
    assert sum(span.count for span in spans) == pytest.approx(1.5 * RATE, abs=48)

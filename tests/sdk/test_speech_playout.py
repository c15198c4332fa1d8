"""The sound of an avatar, beat by beat: what the mouth is told is what will be heard, each sample once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from avatar.sdk.speech_playout import AHEAD_S, Beat, SpeechLine
from avatar.timing.playback import SpeechInterrupted

FPS, RATE = 30, 48_000


def speech(seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (np.arange(round(seconds * RATE)) % 9973 + 1).astype(np.int16)


def go(line: SpeechLine, first: int, count: int) -> list[Beat]:
    """Plan beats and hand each over at its time."""
    beats = []
    for index in range(first, first + count):
        beats.append(line.plan(index))
        line.hand_over(beats[-1], index / FPS)
    return beats


def told_line(beats: list[Beat]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return all that was told on one line, and check that nothing overlaps."""
    line = np.full(round(beats[-1].told.time_s * RATE) + RATE, -1, np.int16)
    for beat in beats:
        at = round(beat.told.begin_s * RATE)
        assert (line[at : at + len(beat.told.samples)] == -1).all(), "told twice"
        line[at : at + len(beat.told.samples)] = beat.told.samples
    return line


@pytest.mark.parametrize("complete", [True, False])
def test_the_mouth_is_told_what_is_heard_a_little_earlier(complete: bool) -> None:
    line = SpeechLine(RATE, FPS)
    line.push(speech(1.0), RATE, None)
    if complete:
        line.end(None)
    beats = go(line, 0, 45)
    heard = np.concatenate([beat.samples for beat in beats])
    assert np.array_equal(heard[:RATE], speech(1.0)) and not heard[RATE:].any()
    assert np.array_equal(told_line(beats)[:RATE], heard[:RATE])
    first = beats[0].told
    assert first.speaking and len(first.samples) == pytest.approx(RATE * (1 / FPS + AHEAD_S), abs=1)


def test_silence_tells_nothing() -> None:
    beats = go(SpeechLine(RATE, FPS), 0, 10)
    assert all(not len(beat.told.samples) and not beat.told.speaking for beat in beats)
    assert [beat.told.time_s for beat in beats] == pytest.approx(np.arange(10) / FPS)


def test_an_interruption_is_told_with_the_next_beat_and_what_is_said_next_is_told_anew() -> None:
    line = SpeechLine(RATE, FPS)
    line.push(speech(2.0), RATE, None)
    before = go(line, 0, 10)
    (cut,) = line.interrupt(10 / FPS)
    assert isinstance(cut, SpeechInterrupted) and cut.heard_ms == pytest.approx(1e3 * 10 / FPS)
    line.push(speech(0.5), RATE, "next")
    line.end("next")
    after = go(line, 10, 20)
    assert {beat.told.cut.number for beat in before} == {0}
    assert {(beat.told.cut.number, round(beat.told.cut.time_s * FPS)) for beat in after} == {(1, 10)}
    assert np.array_equal(told_line(after)[10 * RATE // FPS :][: RATE // 2], speech(0.5))
    assert line.interrupt(9.0) == () and line.plan(30).told.cut.number == 1, "silence is not interrupted"


def test_what_was_planned_before_an_interruption_is_silent_and_no_longer_unspoken() -> None:
    line = SpeechLine(RATE, FPS)
    line.push(speech(1.0), RATE, None)
    planned = [line.plan(index) for index in range(3)]
    assert len(SpeechLine(RATE, FPS).unspoken()) == 0
    line.interrupt(0.0)
    handed = line.hand_over(planned[0], 0.0)
    assert handed.spoken == 0 and not handed.samples.any()
    assert len(line.unspoken(planned[1:])) == 0


@pytest.mark.parametrize("marker", ["second", None])
def test_what_resampling_held_back_belongs_to_whoever_speaks(marker: str | None) -> None:
    line = SpeechLine(RATE, FPS)
    half = speech(0.25)
    line.push(half, RATE // 2, "first")
    line.push(half, RATE // 2, "second")
    line.end("first")
    line.push(half, RATE // 2, "second")
    line.end(marker)
    beats = go(line, 0, 60)
    spans = [span for beat in beats for span in beat.spans]
    assert sorted({span.utterance for span in spans}) == [1, 2]
    assert sum(span.count for span in spans) == pytest.approx(1.5 * RATE, abs=48)

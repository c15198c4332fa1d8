"""A voice is told from loud sound that is none."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from avatar.conversation.voice_detector import HOLD_S, NetworkVoiceDetector
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

PIECE = RATE // 50


def told(sound: F32) -> list[bool]:
    """What is told of each 20 ms of a sound."""
    detector = NetworkVoiceDetector()
    return [detector.push(sound[start : start + PIECE]) for start in range(0, len(sound), PIECE)]


def chords(seconds: float) -> F32:
    """Plucked chords, two a second, as loud as a voice."""
    times = np.arange(round(seconds * RATE)) / RATE
    since = times % 0.5
    sound = np.zeros(len(times))
    for index, hz in enumerate(220 * 2 ** (np.array([0, 4, 7, 12]) / 12)):
        sound += sum(np.sin(2 * np.pi * hz * k * times + index) / k for k in (1, 2, 3))
    return np.asarray(0.1 * sound * np.exp(-4 * since), np.float32)


@pytest.mark.slow
def test_music_and_hiss_are_no_voice() -> None:
    hiss = 0.05 * np.random.default_rng(0).standard_normal(4 * RATE)
    assert not any(told(chords(4.0)))
    assert not any(told(hiss.astype(np.float32)))
    assert not any(told(np.zeros(RATE, np.float32)))


@pytest.mark.slow
def test_a_voice_is_one_at_once_and_until_shortly_after_it(spoken_sentences: ModuleType) -> None:
    for text in spoken_sentences.CLOSURES_S:
        sound = spoken_sentences.sentence(text)
        loud = np.flatnonzero(np.abs(sound) > 0.1 * np.abs(sound).max())
        answers = np.array(told(np.pad(sound, (0, 2 * RATE))))
        first_s, last_s = np.flatnonzero(answers)[[0, -1]] * PIECE / RATE
        assert first_s < loud[0] / RATE + 0.3, "in time to be noticed"
        assert loud[-1] / RATE < last_s < loud[-1] / RATE + HOLD_S + 0.4
        assert answers[round(first_s * 50) : round(loud[-1] / RATE * 50)].mean() > 0.8, "pauses between sentences aside"

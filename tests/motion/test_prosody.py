"""A speaking head nods and sways with the voice; a silent one only lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.motion.idle import IdleLife
from avatar.motion.prosody import Prosody, SpeakingLife
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.types import BLENDSHAPE_INDEX, Motion

Move = Callable[..., Motion]


def voice(speaking: float, emphasis: float) -> VoiceMotion:
    return replace(resting_voice(0.0), speaking=speaking, emphasis=emphasis, confidence=1.0)


def test_nobody_speaks_nothing_is_added() -> None:
    idle = IdleLife().motion(7.0)
    shown = SpeakingLife().add(idle, resting_voice(7.0))
    assert shown.rotation == pytest.approx(idle.rotation) and shown.blendshapes == pytest.approx(idle.blendshapes)


def test_a_stressed_syllable_raises_the_brows_and_nods() -> None:
    idle = IdleLife().motion(7.0)
    plain, stressed = (SpeakingLife().add(idle, voice(1.0, emphasis)) for emphasis in (0.0, 0.8))
    brow = BLENDSHAPE_INDEX["browInnerUp"]
    assert stressed.blendshapes[brow] - plain.blendshapes[brow] > 0.1
    assert 1 < np.degrees(stressed.rotation[0] - plain.rotation[0]) < 4


def test_the_mouth_is_left_alone() -> None:
    idle = IdleLife().motion(7.0)
    shown = SpeakingLife().add(idle, voice(1.0, 1.0))
    changed = np.nonzero(shown.blendshapes != idle.blendshapes)[0]
    assert set(changed) == {BLENDSHAPE_INDEX[n] for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")}


def test_the_same_moment_gives_the_same_head_and_another_seed_another() -> None:
    idle = IdleLife().motion(3.0)
    first, again, other = (SpeakingLife(seed).add(idle, voice(1, 0.3)) for seed in (0, 0, 1))
    assert np.array_equal(first.rotation, again.rotation) and not np.array_equal(first.rotation, other.rotation)


def syllables(seconds: float, stress_at_s: float) -> np.ndarray:
    """Levels of syllables, one of them 9 dB louder."""
    frame = np.arange(round(seconds * 100))
    level = np.where(frame % 25 < 17, -8.0, -25.0)
    level[np.abs(frame / 100 - stress_at_s) < 0.12] = 1.0
    return level.astype(np.float32)


def test_emphasis_follows_the_loud_syllable_smoothly() -> None:
    level = syllables(4.0, 3.0)
    speaking, emphasis = Prosody().push(level, np.zeros(len(level), np.float32))
    assert 2.95 <= np.argmax(emphasis[150:]) / 100 + 1.5 <= 3.25
    assert np.abs(np.diff(emphasis)).max() < 0.15 and np.abs(np.diff(speaking)).max() < 0.05
    assert speaking[-1] > 0.95


def test_a_head_never_jumps_when_speech_begins_or_ends() -> None:
    level = np.concatenate([np.full(100, -25, np.float32), syllables(2, 1), np.full(200, -25, np.float32)])
    silence = np.concatenate([np.ones(100), np.zeros(200), np.ones(200)]).astype(np.float32)
    speaking, emphasis = Prosody().push(level, silence)
    life, idle = SpeakingLife(), IdleLife()
    turns = np.degrees(
        [life.add(idle.motion(i / 100), voice(float(speaking[i]), float(emphasis[i]))).rotation for i in range(500)]
    )
    assert np.abs(np.diff(turns, axis=0)).max() < 0.35, "degrees in 10 ms"
    assert np.ptp(turns[100:300], axis=0).max() > np.ptp(turns[400:], axis=0).max(), "speaking moves more"

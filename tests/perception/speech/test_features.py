"""What the shipped network hears: band powers relative to the voice, frame by frame, with the sound's levels."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.perception.speech.activity import VoiceLevels
from avatar.perception.speech.features import LEVEL_LIMITS, LEVEL_SPAN_DB, LogMelFeatures
from avatar.perception.speech.log_mel import BANDS, RATE, LogMelStream
from avatar.types import F32


@pytest.fixture(scope="module")
def sound() -> F32:
    """A second of noise that swells."""
    return (np.random.default_rng(0).standard_normal(RATE) * np.linspace(0.001, 0.3, RATE)).astype(np.float32)


def test_they_are_log_mel_relative_to_the_voice(sound: F32) -> None:
    heard = LogMelFeatures().push(sound)
    mel_db, level_db = LogMelStream().push(sound)
    voice_db = VoiceLevels().push(level_db).voice_db
    assert heard.frames.shape == (98, BANDS) and heard.frames.dtype == np.float32
    assert (heard.frames == np.clip((mel_db - voice_db[:, None]) / LEVEL_SPAN_DB, *LEVEL_LIMITS)).all()
    assert (heard.level_db == level_db).all() and (heard.levels.voice_db == voice_db).all()


def test_what_was_forgotten_leaves_no_trace(sound: F32) -> None:
    features = LogMelFeatures()
    first = features.push(sound[:5001])
    features.reset()
    again = features.push(sound[:5001])
    assert (first.frames == again.frames).all() and (first.levels.voice_db == again.levels.voice_db).all()


def test_silence_is_a_frame_of_the_same_size() -> None:
    features = LogMelFeatures()
    assert features.silence.shape == (features.size,) and (features.silence < -3).all()

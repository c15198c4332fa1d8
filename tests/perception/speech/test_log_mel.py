"""The features: those everybody knows, and the same however the sound is cut."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.perception.speech.log_mel import (
    BANDS,
    FLOOR,
    HIGHEST_HZ,
    HOP,
    LOWEST_HZ,
    RATE,
    WINDOW,
    LogMelStream,
    filterbank,
    log_mel,
)
from avatar.types import F32


@pytest.fixture(scope="module")
def sound() -> F32:
    """Two seconds of a buzzing vowel in some noise."""
    rng = np.random.default_rng(0)
    times = np.arange(2 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * times) / k for k in range(1, 40))
    return np.asarray(0.1 * buzz + 0.01 * rng.standard_normal(len(times)), np.float32)


def test_they_are_librosas(sound: F32) -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed: it is needed for this comparison alone")
    power = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=WINDOW, hop_length=HOP, window="hann", center=False, power=2.0, n_mels=BANDS,
        fmin=LOWEST_HZ, fmax=HIGHEST_HZ,
    )  # fmt: skip
    expected = librosa.power_to_db(power, ref=1.0, amin=FLOOR, top_db=None).T
    assert np.abs(log_mel(sound) - expected).max() < 1e-3


def test_a_tone_is_loudest_in_its_own_band() -> None:
    times = np.arange(RATE) / RATE
    for hz in (300.0, 1000.0, 4000.0):
        mel_db = log_mel(np.sin(2 * np.pi * hz * times).astype(np.float32)).mean(axis=0)
        bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
        strongest = filterbank()[:, int(np.argmax(mel_db))]
        assert bins[strongest > 0].min() <= hz <= bins[strongest > 0].max()


@pytest.mark.parametrize("piece", [1, 37, 160, 401, 5000])
def test_a_stream_gives_what_the_whole_gives(sound: F32, piece: int) -> None:
    cut = sound[: RATE // 4] if piece == 1 else sound
    stream = LogMelStream()
    parts = [stream.push(cut[start : start + piece]) for start in range(0, len(cut), piece)]
    mel_db = np.concatenate([mel for mel, _ in parts])
    assert np.abs(mel_db - log_mel(cut)).max() < 1e-3
    level_db = np.concatenate([level for _, level in parts])
    assert len(level_db) == len(mel_db) and np.isfinite(level_db).all()


def test_silence_is_a_number() -> None:
    mel_db, level_db = LogMelStream().push(np.zeros(RATE, np.float32))
    assert mel_db == pytest.approx(-100) and level_db == pytest.approx(-100)


def test_less_than_a_window_is_no_frame() -> None:
    stream = LogMelStream()
    assert stream.push(np.zeros(WINDOW - 1, np.float32))[0].shape == (0, BANDS)
    assert stream.push(np.zeros(1, np.float32))[0].shape == (1, BANDS)

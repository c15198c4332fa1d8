"""Any sound a browser, a telephone or a broken device may send becomes something fit to listen to."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from avatar.perception.speech.log_mel import RATE
from avatar.perception.speech.preprocessing import OFFSET_HZ, SpeechPreprocessor, sound_frame
from avatar.types import F32


def frames(rate: int, layout: str, kind: str, seconds: float = 1.0, amplitude: float = 0.1) -> list[av.AudioFrame]:
    """A 300 Hz tone in frames of 20 ms."""
    channels = len(av.AudioLayout(layout).channels)
    wave = amplitude * np.sin(2 * np.pi * 300 * np.arange(round(rate * seconds)) / rate)
    result = []
    for start in range(0, len(wave), rate // 50):
        planes = np.tile(wave[start : start + rate // 50], (channels, 1))
        planes = planes if kind.endswith("p") else planes.T.reshape(1, -1)
        samples = (planes * 32767).astype(np.int16) if kind.startswith("s16") else planes.astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=kind, layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start
        result.append(frame)
    return result


def heard(parts: list[av.AudioFrame], preprocessor: SpeechPreprocessor | None = None) -> F32:
    preprocessor = SpeechPreprocessor() if preprocessor is None else preprocessor
    return np.concatenate([preprocessor.take(frame) for frame in parts])


def strongest_hz(samples: F32) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
@pytest.mark.parametrize("kind", ["s16", "fltp"])
def test_every_rate_layout_and_format_sounds_the_same(rate: int, layout: str, kind: str) -> None:
    samples = heard(frames(rate, layout, kind))
    assert 0.97 * RATE < len(samples) <= RATE
    assert strongest_hz(samples) == pytest.approx(300, abs=3)
    assert 0.05 < np.abs(samples[RATE // 4 :]).max() < 0.5


def test_the_format_may_change_at_any_frame() -> None:
    parts = [
        *frames(48_000, "stereo", "s16", 0.3),
        *frames(8_000, "mono", "fltp", 0.3),
        *frames(44_100, "5.1", "fltp", 0.4),
    ]
    samples = heard(parts)
    assert 0.95 * RATE < len(samples) <= RATE and strongest_hz(samples) == pytest.approx(300, abs=5)


def test_samples_that_are_no_numbers_do_not_last() -> None:
    preprocessor = SpeechPreprocessor()
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        broken = sound_frame(np.full(960, bad, np.float32), 48_000)
        samples = heard([broken, *frames(48_000, "mono", "fltp")], preprocessor)
        assert np.isfinite(samples).all() and np.abs(samples).max() <= 1
        assert strongest_hz(samples[RATE // 4 :]) == pytest.approx(300, abs=3)


def test_a_constant_offset_is_taken_away() -> None:
    parts = [sound_frame(np.full(960, 0.4, np.float32), 48_000) for _ in range(50)]
    assert np.abs(heard(parts)[RATE // 2 :]).max() < 0.002


def test_the_filter_is_the_same_whatever_the_length_of_the_frames() -> None:
    """As its definition says: what a sample adds to the one before it fades with the pole."""
    tone = (0.3 * np.sin(np.arange(RATE) / 7) + 0.2).astype(np.float32)
    pole = 1 - 2 * np.pi * OFFSET_HZ / RATE
    expected, level, last = [], 0.0, 0.0
    for sample in tone.tolist():
        level = (1 + pole) / 2 * (sample - last) + pole * level
        last = sample
        expected.append(level)
    for length in (160, 1000, RATE):
        preprocessor = SpeechPreprocessor()
        frames = [sound_frame(tone[start : start + length], RATE) for start in range(0, RATE, length)]
        heard = np.concatenate([preprocessor.take(frame) for frame in frames])
        assert np.allclose(heard, expected[: len(heard)], atol=1e-6)


def test_nothing_gives_nothing_and_absurd_frames_are_refused() -> None:
    preprocessor = SpeechPreprocessor()
    assert len(preprocessor.take(sound_frame(np.zeros((1, 0), np.float32), 48_000))) == 0
    assert len(preprocessor.take(sound_frame(np.zeros(100, np.float32), 7))) == 0
    assert preprocessor.refused == 1


def test_a_minute_at_once_is_taken() -> None:
    minute = sound_frame(np.zeros(60 * 48_000, np.float32), 48_000)
    assert len(SpeechPreprocessor().take(minute)) == pytest.approx(60 * RATE, rel=0.001)


def test_samples_of_a_strange_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match="shape"):
        sound_frame(np.zeros((6, 10), np.float32), 48_000)

"""Sound of any form becomes samples of one form, as loud as it was."""

from __future__ import annotations

import av
import numpy as np
import pytest

from avatar.media.audio_format import AudioFormatter
from avatar.types import F32

RATE = 48_000


def tone(layout: str, kind: str = "fltp", rate: int = RATE, amplitude: float = 0.25) -> av.AudioFrame:
    """A quarter of a second of 440 Hz, the same in each channel."""
    wave = amplitude * np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate)
    planes = np.tile(wave, (av.AudioLayout(layout).nb_channels, 1))
    planes = planes if kind.endswith("p") else planes.T.reshape(1, -1)
    samples = (planes * 32767).astype(np.int16) if kind.startswith("s16") else planes.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=kind, layout=layout)
    frame.sample_rate = rate
    return frame


def loudness_db(samples: F32) -> float:
    middle = samples[:, samples.shape[1] // 4 : -samples.shape[1] // 4]
    return float(10 * np.log10(np.mean(np.square(middle))))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("kind", ["s16", "fltp"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_one_and_two_channels_are_equally_loud(layout: str, kind: str, rate: int, channels: int) -> None:
    formatter = AudioFormatter(RATE, channels)  # type: ignore[arg-type,unused-ignore]
    samples = np.concatenate([formatter.take(tone(layout, kind, rate)), formatter.finish()], axis=1)
    assert samples.shape == (channels, pytest.approx(RATE // 4, abs=2))
    assert loudness_db(samples) == pytest.approx(10 * np.log10(0.25**2 / 2), abs=0.1)


def test_a_voice_in_the_middle_of_a_cinema_is_heard_from_both_sides() -> None:
    """ITU-R BS.775: the middle channel goes to both sides, 3 dB quieter; nothing is turned down for the others."""
    frame = tone("5.1")
    planes = frame.to_ndarray()
    planes[[0, 1, 3, 4, 5]] = 0
    middle = av.AudioFrame.from_ndarray(planes, format="fltp", layout="5.1")
    middle.sample_rate = RATE
    samples = AudioFormatter(RATE, 2).take(middle)
    assert np.allclose(samples[0], samples[1])
    assert loudness_db(samples) == pytest.approx(10 * np.log10(0.25**2 / 2) - 3, abs=0.1)
    loud = AudioFormatter(RATE, 2).take(tone("5.1", amplitude=0.9))
    assert np.abs(loud).max() <= 1


def test_the_form_may_change_at_any_frame_and_nothing_is_lost() -> None:
    formatter = AudioFormatter(RATE, 2)
    forms = [("stereo", "s16", 48_000), ("mono", "fltp", 48_000), ("5.1", "fltp", 44_100), ("mono", "s16", 8_000)]
    parts = [formatter.take(tone(*form)) for form in forms]
    samples = np.concatenate([*parts, formatter.finish()], axis=1)
    assert samples.shape[1] == pytest.approx(RATE, abs=8)


def test_what_is_no_number_is_silent_and_what_is_no_sound_is_refused_once() -> None:
    formatter = AudioFormatter(RATE, 1)
    broken = av.AudioFrame.from_ndarray(np.full((1, 960), np.nan, np.float32), format="fltp", layout="mono")
    broken.sample_rate = RATE
    assert not formatter.take(broken).any()
    broken.sample_rate = 7
    with pytest.raises(ValueError, match="no sound"):
        formatter.take(broken)
    assert np.abs(formatter.take(tone("stereo"))).max() == pytest.approx(0.25, abs=0.01)

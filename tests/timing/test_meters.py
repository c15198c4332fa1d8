"""The figures a call shows about itself."""

from __future__ import annotations

import math
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from avatar.timing.meters import SILENCE_DB, SoundMeter, StageMeter


def tone(rate: int, layout: str, audio_format: str, amplitude: float) -> av.AudioFrame:
    """20 ms of a 400 Hz tone."""
    channels = 2 if layout == "stereo" else 1
    wave = amplitude * np.sin(2 * np.pi * 400 * np.arange(rate // 50) / rate)
    samples = np.tile(wave, (channels, 1))
    if not audio_format.endswith("p"):
        samples = samples.T.reshape(1, -1)
    kept = (samples * 32767).astype(np.int16) if audio_format.startswith("s16") else samples.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(kept), format=audio_format, layout=layout)
    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
    return frame


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("audio_format", ["s16", "s16p", "flt", "fltp"])
def test_the_microphones_level_is_the_same_in_every_format(rate: int, layout: str, audio_format: str) -> None:
    meter = SoundMeter()
    meter.observe(tone(rate, layout, audio_format, 0.5), 1.0)
    assert meter.level_db(1.1) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.1)


def test_silence_is_silent_and_louder_is_more() -> None:
    meter = SoundMeter()
    assert meter.level_db(0.0) == SILENCE_DB, "before any sound"
    levels = []
    for amplitude in (0.0, 0.01, 0.1, 1.0):
        meter.observe(tone(48_000, "mono", "s16", amplitude), 1.0)
        levels.append(meter.level_db(1.0))
    assert levels[0] == SILENCE_DB and levels == sorted(levels) and levels[-1] == pytest.approx(-3, abs=0.1)


def test_a_microphone_that_stopped_sending_is_silent() -> None:
    meter = SoundMeter()
    meter.observe(tone(48_000, "mono", "s16", 0.5), 1.0)
    assert meter.level_db(1.4) > -20 and meter.level_db(1.6) == SILENCE_DB


def test_broken_samples_give_a_number() -> None:
    meter = SoundMeter()
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        samples = np.full((1, 960), bad, np.float32)
        meter.observe(av.AudioFrame.from_ndarray(samples, format="flt", layout="mono"), 1.0)
        assert math.isfinite(meter.level_db(1.0)), bad


def test_rates_are_those_of_the_last_two_seconds() -> None:
    meter = StageMeter()
    for index in range(300):
        meter.tick("picture", index / 30)
    assert meter.rate("picture", 10.0) == pytest.approx(30, rel=0.01)
    assert meter.rate("picture", 13.0) == 0 and meter.rate("camera", 10.0) == 0
    for index in range(20):
        meter.tick("picture", 20 + index / 10)
    assert meter.rate("picture", 21.9) == pytest.approx(10, rel=0.01), "a pause is not averaged in"


def test_a_stages_duration_is_its_recent_median() -> None:
    meter = StageMeter()
    assert meter.median_s("generate") == 0
    for seconds in [9.0] * 100 + [0.010] * 59 + [5.0]:
        meter.add("generate", seconds)
    assert meter.median_s("generate") == pytest.approx(0.010), "one slow picture is not the rule, old ones are past"
    assert meter.medians_ms(["generate", "perceive"]) == {"generate": 10.0}


def test_a_stage_that_fails_is_measured_too() -> None:
    meter = StageMeter()
    with pytest.raises(KeyError), meter.time("generate"):
        raise KeyError
    assert "generate" in meter.medians_ms(["generate"])


def test_reading_while_others_measure_is_safe() -> None:
    meter, done = StageMeter(), threading.Event()

    def measure() -> None:
        index = 0
        while not done.is_set():
            meter.add(f"stage {index % 50}", 0.001)
            meter.tick("picture", index / 1000)
            index += 1

    threads = [threading.Thread(target=measure) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        meter.medians_ms([f"stage {index}" for index in range(50)])
        meter.rate("picture", 1.0)
    done.set()
    for thread in threads:
        thread.join(10)
    assert meter.median_s("stage 1") == 0.001

"""Who is shown as speaking: by loudness, over pauses between words, and not a room's noise."""

from __future__ import annotations

import av
import numpy as np
import pytest

from avatar.call.speaking import HOLD_S, Speaking, levels_db


def sound(level: float, form: str = "s16", layout: str = "mono", rate: int = 48_000) -> av.AudioFrame:
    count, channels = rate // 50, 2 if layout == "stereo" else 1
    wave = level * np.sqrt(2) * np.sin(np.arange(count) * 2 * np.pi * 400 / rate)
    samples = np.repeat(wave[None], channels, axis=0)
    if form == "s16":
        samples = samples.T.reshape(1, -1)
    scaled = (samples * 32767).astype(np.int16) if form.startswith("s16") else samples.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(scaled, format=form, layout=layout)
    frame.sample_rate = rate
    return frame


@pytest.mark.parametrize("form", ["s16", "s16p", "fltp"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_the_level_is_the_same_in_every_form(form: str, layout: str, rate: int) -> None:
    assert levels_db(sound(0.1, form, layout, rate)) == pytest.approx([-20, -20], abs=0.5)


def test_words_begin_at_once_and_a_pause_between_two_is_none() -> None:
    speaking, now_s = Speaking(), 0.0
    said = []
    for level in [0.0] * 20 + [0.1] * 20 + [0.0] * 20 + [0.1] * 20 + [0.0] * 80:
        said.append(speaking.hear(sound(level), now_s))
        now_s += 0.02
    assert not any(said[:20]) and all(said[20:100]) and not said[-1]
    assert not speaking.at(now_s + HOLD_S)


def test_a_room_that_hums_does_not_speak() -> None:
    speaking = Speaking()
    said = [speaking.hear(sound(0.003), index * 0.02) for index in range(1000)]
    assert not said[-1]

"""Sound from a program: every form that is taken comes out the same, every other is answered clearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from avatar.errors import SoundError
from avatar.media.pcm import SampleQueue, mono_pcm_pieces, to_mono_pcm

TONE = np.round(8000 * np.sin(2 * np.pi * 220 * np.arange(24_000) / 24_000)).astype(np.int16)


@pytest.mark.parametrize(
    "pcm",
    [TONE, TONE.tobytes(), bytearray(TONE.tobytes()), TONE[None], np.stack([TONE, TONE]),
     (TONE / 32767).astype(np.float32)],
)  # fmt: skip
def test_the_same_sound_in_any_form_is_the_same(pcm: Any) -> None:
    assert np.abs(to_mono_pcm(pcm, 24_000).astype(int) - TONE).max() <= 1


@pytest.mark.parametrize("form", [TONE, TONE[None], bytearray(TONE.tobytes())])
def test_a_buffer_that_is_filled_anew_leaves_the_samples_as_they_were(form: Any) -> None:
    buffer = form.copy()
    samples = to_mono_pcm(buffer, 24_000)
    buffer[:] = bytes(len(buffer)) if isinstance(buffer, bytearray) else 0
    assert samples.tolist() == TONE.tolist()


@pytest.mark.parametrize("pcm", [TONE, np.stack([TONE, TONE]), (TONE / 32767).astype(np.float32), TONE.tobytes(),
                                 memoryview(np.repeat(TONE, 2))[::2]])  # fmt: skip
def test_pieces_are_the_same_sound(pcm: Any) -> None:
    pieces = list(mono_pcm_pieces(pcm, 24_000, 0.3))
    assert [len(piece) for piece in pieces] == [7200, 7200, 7200, 2400]
    assert np.concatenate(pieces).tolist() == to_mono_pcm(pcm, 24_000).tolist()


@pytest.mark.parametrize(
    ("pcm", "rate", "word"),
    [
        (TONE.astype(np.float64), 24_000, "float64"),
        (TONE.astype(np.int32), 24_000, "int32"),
        (TONE.tolist(), 24_000, "list"),
        (b"\0\0\0", 24_000, "even number"),
        (TONE.reshape(-1, 2), 24_000, "shape"),
        (TONE, 0, "samples a second"),
        (TONE, 1_000_000, "samples a second"),
        (TONE, "24000", "whole number"),
        (TONE, 24_000.5, "whole number"),
        (np.array([0.0, 12_000.0], np.float32), 24_000, "these reach 12000: divide by 32768"),
        (np.array([0.0, -12_000.0], np.float32), 24_000, "these reach 12000: divide by 32768"),
    ],
)
def test_what_cannot_be_spoken_is_answered_with_what_can(pcm: Any, rate: Any, word: str) -> None:
    with pytest.raises(SoundError, match=word):
        to_mono_pcm(pcm, rate)
    with pytest.raises(SoundError, match=word):
        mono_pcm_pieces(pcm, rate, 0.5)


def test_numbers_that_are_none_are_silence_and_loud_ones_are_clipped() -> None:
    heard = to_mono_pcm(np.array([np.nan, np.inf, -5.0, 0.5], np.float32), 16_000)
    assert heard.tolist() == [0, 32767, -32767, 16384]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_any_rate_and_any_pieces_last_as_long_as_they_should(rate: int) -> None:
    sound, samples = SampleQueue(48_000), np.zeros(rate, np.int16)
    counted = sum(sound.push(samples[start : start + 441], rate) for start in range(0, rate, 441)) + sound.finish()
    assert counted == len(sound) and abs(counted - 48_000) <= 48


def test_what_is_taken_comes_in_order_and_once() -> None:
    sound, samples = SampleQueue(48_000), np.arange(10_000, dtype=np.int16)
    for start in range(0, 10_000, 777):
        sound.push(samples[start : start + 777], 48_000)
    assert sound.peek(50).tolist() == list(range(50))
    taken = np.concatenate([sound.take(1_600) for _ in range(8)])
    assert taken.tolist() == samples.tolist() and len(sound) == 0

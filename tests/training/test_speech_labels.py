"""Which sound is spoken when: times that cover a recording, and corrections that do not make them worse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from avatar.perception.speech.log_mel import RATE
from training.speech_labels import ARPABET, SILENCE, Phone, heard_as, level_silences, tidy


def test_phones_cover_the_whole_time_without_gaps_or_overlaps() -> None:
    told = [Phone("b", 0.2, 0.3), Phone("i", 0.28, 0.5), Phone("g", 0.6, 0.7), Phone(SILENCE, 0.7, 0.9)]
    phones = tidy(told, 1.2)
    assert phones[0] == Phone(SILENCE, 0.0, 0.2) and phones[-1].end_s == 1.2
    for before, after in pairwise(phones):
        assert before.end_s == after.start_s
    assert [phone.ipa for phone in phones] == [SILENCE, "b", "i", "ɡ", SILENCE]


def test_an_engines_lag_is_taken_off() -> None:
    phones = tidy([Phone("m", 0.3, 0.4)], 1.0, lag_s=0.055)
    assert phones[1].start_s == pytest.approx(0.245) and phones[1].end_s == pytest.approx(0.345)


def test_nothing_said_is_silence() -> None:
    assert tidy([], 2.0) == [Phone(SILENCE, 0.0, 2.0)]


@pytest.mark.parametrize("told_s", [0.45, 0.56])
def test_a_pause_begins_where_the_sound_ends(told_s: float) -> None:
    sound = np.zeros(RATE, np.float32)
    sound[: RATE // 2] = 0.5 * np.sin(np.arange(RATE // 2) * 0.2)
    phones = level_silences([Phone("ɑ", 0.0, told_s), Phone(SILENCE, told_s, 1.0)], sound)
    assert phones[0].end_s == phones[1].start_s == pytest.approx(0.5, abs=0.011)


def test_every_sound_is_heard_as_one_that_english_has() -> None:
    english = {name.upper() for name, ipa in ARPABET.items() if ipa != SILENCE}
    for ipa in ("b", "ə", "tʃ", "oʊ", "ɲ", "β", "ʁ", "ɔ̃", "ɛː", "mʲ", "y", "?"):
        assert heard_as(ipa) in english
    assert [heard_as(ipa) for ipa in ("p", "bː", "mʲ", "f", "vʲ", "β")] == ["P", "B", "M", "F", "V", "V"]

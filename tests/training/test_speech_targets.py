"""The mouths that training asks for: closed, lip on teeth, round, wide, open, and neighbours in between."""

from __future__ import annotations

import numpy as np

from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.types import BLENDSHAPE_INDEX, F32
from training.speech_labels import SILENCE, Phone
from training.speech_targets import SHAPE_OF, Targets, frame_times, mouth_class, mouth_targets


def spoken(*sounds: str, length_s: float = 0.12, loudness_db: float = -4.0) -> tuple[Targets, dict[str, float]]:
    """The targets of some sounds between silences, and when the middle of each is."""
    phones, at = [Phone(SILENCE, 0.0, 0.4)], 0.4
    centres = {}
    for ipa in sounds:
        phones.append(Phone(ipa, at, at + length_s))
        centres[ipa] = at + length_s / 2
        at += length_s
    phones.append(Phone(SILENCE, at, at + 0.4))
    return mouth_targets(phones, np.full(round((at + 0.4) * 100) - 2, loudness_db, np.float32)), centres


def at(targets: Targets, time_s: float, name: str) -> float:
    column = MOUTH.index(BLENDSHAPE_INDEX[name])
    return float(np.interp(time_s, frame_times(len(targets.mouth)), targets.mouth[:, column]))


def closure(targets: Targets, time_s: float) -> float:
    return float(np.interp(time_s, frame_times(len(targets.closure)), targets.closure))


def test_lips_meet_for_p_b_m_between_any_vowels() -> None:
    for consonant in "pbm":
        for vowel in ("ɑ", "i", "u"):
            targets, centres = spoken(vowel, consonant, "æ")
            assert closure(targets, centres[consonant]) > 0.98
            assert abs(at(targets, centres[consonant], "jawOpen")) < 0.03
            assert closure(targets, centres["æ"]) < 0.1 and at(targets, centres["æ"], "jawOpen") > 0.25


def test_lips_part_faster_than_they_meet() -> None:
    targets, centres = spoken("ɑ", "m", "ɑ")
    start, end = centres["m"] - 0.06, centres["m"] + 0.06
    assert closure(targets, start - 0.03) > 0.3 > closure(targets, end + 0.03)


def test_shapes_are_told_apart() -> None:
    targets, centres = spoken("ɑ", "t", "u", "t", "i")
    assert at(targets, centres["ɑ"], "jawOpen") > 2 * at(targets, centres["i"], "jawOpen")
    assert at(targets, centres["u"], "mouthPucker") > 0.6 and at(targets, centres["i"], "mouthPucker") < 0.1
    assert at(targets, centres["i"], "mouthStretchLeft") > 0.2
    targets, centres = spoken("ɑ", "f", "ɑ")
    assert at(targets, centres["f"], "mouthRollLower") > 0.5 and at(targets, centres["f"], "mouthUpperUpLeft") > 0.25


def test_rounding_comes_before_the_vowel_that_asks_for_it() -> None:
    round_next, centres = spoken("s", "u")
    wide_next, _ = spoken("s", "i")
    assert at(round_next, centres["s"], "mouthPucker") > at(wide_next, centres["s"], "mouthPucker") + 0.2


def test_loud_syllables_open_more() -> None:
    quiet, centres = spoken("ɑ", loudness_db=-18)
    loud, _ = spoken("ɑ", loudness_db=0)
    assert at(loud, centres["ɑ"], "jawOpen") > 1.3 * at(quiet, centres["ɑ"], "jawOpen")


def test_silence_rests_and_nothing_jumps() -> None:
    targets, _ = spoken("b", "aɪ", "m", "oʊ", "f", "i")
    assert np.abs(targets.mouth[:25]).max() < 0.02 and np.abs(targets.mouth[-20:]).max() < 0.02
    assert np.abs(np.diff(targets.mouth, axis=0)).max() < 0.25


def test_every_sound_has_a_class_and_left_equals_right() -> None:
    assert [CLASSES[mouth_class(ipa)] for ipa in (SILENCE, "m", "v", "u", "i", "ɑ", "s")] == list(CLASSES)
    for shape in SHAPE_OF.values():
        assert shape[_column("mouthSmileLeft")] == shape[_column("mouthSmileRight")]
        assert shape[_column("mouthUpperUpLeft")] == shape[_column("mouthUpperUpRight")]


def _column(name: str) -> int:
    return MOUTH.index(BLENDSHAPE_INDEX[name])


def test_classes_follow_the_sounds_in_time() -> None:
    targets, centres = spoken("m", "aʊ")
    frames: F32 = frame_times(len(targets.kind))
    kinds = [CLASSES[int(targets.kind[np.argmin(np.abs(frames - t))])] for t in (centres["m"], 0.53, 0.63)]
    assert kinds == ["closed", "open", "rounded"]

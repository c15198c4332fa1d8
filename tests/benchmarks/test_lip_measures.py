"""The measures of a talking mouth, on mouths whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lip_measures as lips
from benchmarks.lip_measures import Phone

SAID = [
    Phone("sil", 0.0, 0.3), Phone("b", 0.3, 0.4), Phone("ɑ", 0.4, 0.7), Phone("m", 0.7, 0.8), Phone("i", 0.8, 1.1),
    Phone("s", 1.1, 1.2), Phone("ɑ", 1.2, 1.6), Phone("sil", 1.6, 2.0),
]  # fmt: skip
TIMES = np.arange(0, 2, 1 / 30)


def mouth(late_s: float = 0.0) -> np.ndarray:
    """A mouth that does what is asked, `late_s` later."""
    grid = np.arange(0, 2, 0.005)
    wanted = np.zeros(len(grid))
    for sound in SAID:
        wanted[(grid >= sound.start_s) & (grid < sound.end_s)] = lips.openness(sound.ipa)
    smooth = np.convolve(wanted, np.ones(9) / 9, "same")
    return np.asarray(0.2 * np.interp(TIMES - late_s, grid, smooth))


def test_a_good_mouth_closes_and_one_that_hangs_open_does_not() -> None:
    assert lips.closure_recall(SAID, TIMES, mouth()) == (2, 2)
    assert lips.closure_recall(SAID, TIMES, mouth() + 0.05) == (0, 2)


def test_a_flap_inside_a_vowel_is_a_false_closure() -> None:
    assert lips.false_closures(SAID, TIMES, mouth())[0] == 0
    flapping = mouth()
    flapping[(TIMES > 1.38) & (TIMES < 1.44)] = 0
    count, seconds = lips.false_closures(SAID, TIMES, flapping)
    assert count == 1 and 0.7 < seconds < 1.0


@pytest.mark.parametrize("late_s", [-0.1, 0.0, 0.06])
def test_the_lag_is_found(late_s: float) -> None:
    assert lips.best_lag_s(SAID, TIMES, mouth(late_s)) == pytest.approx(late_s, abs=0.021)


def test_the_area_under_the_curve() -> None:
    assert lips.auc([2, 3], [0, 1]) == 1 and lips.auc([0, 1], [2, 3]) == 0
    assert lips.auc([1, 2], [1, 2]) == 0.5 and np.isnan(lips.auc([], [1]))


def test_scores_are_taken_in_the_middle_of_sounds() -> None:
    yes, no = lips.at_centres(SAID, TIMES, mouth(), "ɑ", "m")
    assert len(yes) == 2 and len(no) == 3 and min(yes) > max(no)


def test_a_correlation_of_nothing_is_nothing() -> None:
    assert lips.correlation(np.zeros(20), np.arange(20.0)) == 0
    assert lips.correlation(np.arange(20.0), np.arange(20.0)) == pytest.approx(1)


def test_any_folder_of_sound_and_labels_is_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no labelled speech"):
        lips.read_corpus(tmp_path)
    (tmp_path / "a.flac").write_bytes(b"")
    told = {"engine": "x", "voice": "y", "phonemes": [{"p": "b", "start_ms": 0, "end_ms": 100}]}
    (tmp_path / "a.json").write_text(json.dumps(told))
    (recording,) = lips.read_corpus(tmp_path)
    assert recording.path.name == "a.flac" and recording.said == [Phone("b", 0, 0.1)]

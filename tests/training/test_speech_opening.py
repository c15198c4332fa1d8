"""What is read off the second network: fitted to each clip's movement, judged by people who had no part in the fit."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.speech_pair import TAKEN, TAPS
from training.speech_opening import SHIFTS_S, Example, aligned, correlation, fit, left_out

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
SLOPES = RNG.normal(0, 1, TAPS * TAKEN)


def clip(person: str, *, gain: float, rest: float, like_others: bool = True, late: int = 0) -> Example:
    """A person whose lips go with what is heard, as far as they like to, or against it."""
    rows = RNG.normal(0, 1, (4000, TAPS * TAKEN)).astype(np.float32)
    moved = rows @ SLOPES / np.linalg.norm(SLOPES)
    opening = rest + gain * (moved if like_others else -moved)
    later = [np.roll(opening, shift + late) for shift in range(-(len(SHIFTS_S) // 2), len(SHIFTS_S) // 2 + 1)]
    return Example(person, rows, np.array(later, np.float32))


def test_the_opening_is_as_wide_and_as_high_as_peoples_are_on_average() -> None:
    people = [clip("a", gain=0.02, rest=0.03), clip("b", gain=0.06, rest=0.05), clip("c", gain=0.04, rest=0.04)]
    slopes, bias = fit(people)
    opening = clip("d", gain=0.04, rest=0.04)
    read = opening.rows @ slopes + bias
    assert np.corrcoef(read, opening.opening)[0, 1] > 0.95
    assert read.std() == pytest.approx(0.04, rel=0.05) and read.mean() == pytest.approx(0.04, abs=0.005)


def test_nobody_is_judged_by_a_fit_to_themselves() -> None:
    people = [clip(name, gain=0.04, rest=0.04) for name in "aabb"]
    odd = [clip("odd", gain=0.2, rest=0.04, like_others=False) for _ in range(2)]
    everybody = [*people, *odd]
    *usual, first, second = map(correlation, left_out(everybody), [one.opening for one in everybody])
    assert max(first, second) < -0.9, "the two clips of one person know nothing of each other"
    assert len(usual) == 4


def test_a_clip_out_of_step_is_shifted_into_step() -> None:
    people = [clip(name, gain=0.04, rest=0.04, late=late) for name, late in zip("abcd", (0, 0, 2, 0), strict=True)]
    middle = len(SHIFTS_S) // 2
    assert [one.shift for one in aligned(people)] == [middle, middle, middle - 2, middle]

"""What is read off the second network: fitted to each clip's movement, judged by people who had no part in the fit."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.speech_pair import TAKEN, TAPS
from avatar.training.speech_opening import Example, fit, left_out

RNG = np.random.default_rng(0)
SLOPES = RNG.normal(0, 1, TAPS * TAKEN)


def clip(person: str, *, gain: float, rest: float, like_others: bool = True) -> Example:
    """A person whose lips go with what is heard, as far as they like to, or against it."""
    rows = RNG.normal(0, 1, (4000, TAPS * TAKEN)).astype(np.float32)
    moved = rows @ SLOPES / np.linalg.norm(SLOPES)
    return Example(person, rows, (rest + gain * (moved if like_others else -moved)).astype(np.float32))


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
    *usual, first, second = left_out([*people, *odd])
    assert max(first, second) < -0.9, "the two clips of one person know nothing of each other"
    assert len(usual) == 4

"""What counts as a cover that was noticed, and as a false alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.types import FaceState, HeadPose
from benchmarks.mouth_cover import BEGIN, WAY_S, WatchedClip, alarms, noticed
from benchmarks.occluders import OCCLUDERS, SIZE, cover, skin_of

FACE = FaceState(
    0.0, np.zeros((478, 3), np.float32), np.zeros(52, np.float32),
    HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0), 1.0, (640, 480),
)  # fmt: skip


def shown(covered: list[bool | None]) -> WatchedClip:
    """Ten frames a second; None is a lost face."""
    faces = [None if said is None else replace(FACE, mouth_covered=said) for said in covered]
    return WatchedClip([index / 10 for index in range(len(covered))], faces)


def test_a_cover_is_timed_from_where_it_has_arrived() -> None:
    said: list[bool | None] = [index / 10 >= BEGIN * 10 + WAY_S + 0.3 for index in range(101)]
    share, delay_ms = noticed(shown(said))
    assert share > 0.9 and delay_ms == pytest.approx(300, abs=101)
    assert noticed(shown([None] * 101))[0] == 1.0, "a lost face is as good"
    assert noticed(shown([False] * 101)) == (0.0, float("inf"))


def test_an_alarm_counts_once_however_long_it_lasts() -> None:
    assert alarms(shown([False, True, True, False, None, True])) == 2
    assert alarms(shown([False, None, False])) == 0


@pytest.mark.parametrize("kind", list(OCCLUDERS))
def test_a_cover_lies_over_the_mouth_and_not_over_the_eyes(kind: str) -> None:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (100, 160)
    landmarks[33, :2], landmarks[263, :2] = (60, 60), (140, 60)
    picture = np.full((240, 200, 3), (180, 140, 120), np.uint8)
    occluder = OCCLUDERS[kind](np.random.default_rng(1), skin_of(picture, landmarks))
    assert occluder.alpha.shape == (SIZE, SIZE) and occluder.alpha.min() >= 0 and occluder.alpha.max() == 1
    painted = np.abs(cover(picture, landmarks, occluder).astype(int) - picture).max(axis=2) > 4
    assert painted[150:170, 95:105].mean() > 0.6
    assert not painted[:70].any()
    assert np.array_equal(cover(picture, landmarks, occluder, raised=-3.0), picture)

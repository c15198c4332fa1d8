"""Idle life: it breathes, blinks and glances like somebody who waits, and it never jumps."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion.idle import IdleLife
from avatar.types import BLENDSHAPE_INDEX, Motion

FPS = 60
LEFT, RIGHT = BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]


@pytest.fixture(scope="module", params=[0, 1, 77])
def three_minutes(request: pytest.FixtureRequest) -> list[Motion]:
    life = IdleLife(request.param)
    return [life.motion(index / FPS) for index in range(180 * FPS)]


@pytest.mark.slow
def test_it_blinks_with_both_eyes_ten_to_twenty_times_a_minute(three_minutes: list[Motion]) -> None:
    lids = np.array([motion.blendshapes[[LEFT, RIGHT]] for motion in three_minutes])
    assert np.array_equal(lids[:, 0], lids[:, 1])
    shut = lids[:, 0] > 0.5
    assert 10 <= (np.diff(shut.astype(int)) == 1).sum() / 3 <= 20
    assert lids.max() > 0.9 and lids.min() == 0, "all the way"
    assert shut.mean() < 0.06, "and quickly: the eyes are open nearly all the time"


@pytest.mark.slow
def test_blinks_do_not_come_like_clockwork(three_minutes: list[Motion]) -> None:
    shut = np.array([motion.blendshapes[LEFT] for motion in three_minutes]) > 0.5
    pauses = np.diff(np.nonzero(np.diff(shut.astype(int)) == 1)[0]) / FPS
    assert pauses.std() > 0.5


def test_the_head_never_jumps_and_never_strays(three_minutes: list[Motion]) -> None:
    turns = np.degrees([motion.rotation for motion in three_minutes])
    assert np.abs(turns).max() < 4
    assert np.abs(np.diff(turns, axis=0)).max() * FPS < 4, "degrees a second"
    sizes = np.array([motion.scale for motion in three_minutes])
    places = np.array([motion.translation for motion in three_minutes])
    assert np.abs(np.diff(sizes)).max() < 0.001 and np.abs(np.diff(places, axis=0)).max() < 0.001


def test_it_is_never_frozen(three_minutes: list[Motion]) -> None:
    turns = np.degrees([motion.rotation for motion in three_minutes]).reshape(-1, FPS, 3)
    assert (np.ptp(turns, axis=1).max(axis=1) > 0.02).all(), "something moves in each second"


def test_the_eyes_rest_then_move_quickly_and_not_far(three_minutes: list[Motion]) -> None:
    gaze = np.array([motion.gaze for motion in three_minutes])
    steps = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
    assert np.abs(gaze).max() < 0.06
    assert (steps < 1e-6).mean() > 0.9, "between glances the eyes stand still"


def test_nobody_smiles_or_talks_without_a_reason(three_minutes: list[Motion]) -> None:
    others = np.array([np.delete(motion.blendshapes, [LEFT, RIGHT]) for motion in three_minutes])
    assert not others.any()


def test_the_same_moment_shows_the_same_life_whenever_it_is_asked_for() -> None:
    life = IdleLife(4)
    forwards = [life.motion(time_s) for time_s in (0.0, 2.5, 1000.3)]
    backwards = [IdleLife(4).motion(time_s) for time_s in (1000.3, 2.5, 0.0)][::-1]
    for first, second in zip(forwards, backwards, strict=True):
        assert np.array_equal(first.rotation, second.rotation)
        assert np.array_equal(first.blendshapes, second.blendshapes)


def test_two_avatars_do_not_blink_together() -> None:
    times = np.arange(0, 60, 0.05)
    first, second = ([IdleLife(seed).motion(t).blendshapes[LEFT] > 0.3 for t in times] for seed in (0, 1))
    assert (np.array(first) & np.array(second)).sum() < 0.5 * np.sum(first)


def test_hours_later_it_lives_on() -> None:
    life = IdleLife(0)
    shut = sum(life.motion(86_400 + index / 30).blendshapes[LEFT] > 0.5 for index in range(60 * 30))
    assert shut > 10

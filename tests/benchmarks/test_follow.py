"""The measure of following: 1 for an avatar that follows, nothing where there is nothing to follow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.follow import LEAST_RANGE, SIGNALS, correlations, sheet

TIME = np.linspace(0, 4, 120)


def measured(**signals: np.ndarray) -> np.ndarray:
    """Return (120, 7) measurements that stand still but for the named signals."""
    return np.stack([signals.get(name, np.zeros(len(TIME))) for name in SIGNALS], axis=1)


def test_an_avatar_that_does_the_same_scores_1_even_if_it_does_less() -> None:
    yaw = 10 * np.sin(TIME)
    found = correlations(measured(yaw=yaw), measured(yaw=0.3 * yaw + 2))
    assert found["yaw"] == pytest.approx(1)


def test_one_that_turns_the_other_way_or_not_at_all_does_not() -> None:
    yaw = 10 * np.sin(TIME)
    assert correlations(measured(yaw=yaw), measured(yaw=-yaw))["yaw"] == pytest.approx(-1)
    noise = np.random.default_rng(0).normal(size=len(TIME))
    assert abs(correlations(measured(yaw=yaw), measured(yaw=noise))["yaw"]) < 0.3


def test_a_driver_who_keeps_still_leaves_nothing_to_follow() -> None:
    small = 0.2 * LEAST_RANGE["yaw"] * np.sin(TIME)
    found = correlations(measured(yaw=small), measured(yaw=small))
    assert all(math.isnan(value) for value in found.values()) and list(found) == list(SIGNALS)


def test_moments_without_a_face_are_left_out_but_many_of_them_are_a_failure() -> None:
    yaw = 10 * np.sin(TIME)
    few, many = yaw.copy(), yaw.copy()
    few[40:46], many[40:70] = np.nan, np.nan
    assert correlations(measured(yaw=few), measured(yaw=yaw))["yaw"] == pytest.approx(1)
    assert correlations(measured(yaw=yaw), measured(yaw=few))["yaw"] == pytest.approx(1)
    assert correlations(measured(yaw=yaw), measured(yaw=many))["yaw"] == 0


def test_an_avatar_that_is_never_seen_does_not_follow() -> None:
    nothing = np.full((len(TIME), len(SIGNALS)), np.nan)
    with np.errstate(all="ignore"):
        assert correlations(measured(yaw=10 * np.sin(TIME)), nothing)["yaw"] in (
            0,
            pytest.approx(math.nan, nan_ok=True),
        )


def test_the_contact_sheet_shows_drivers_above_avatars() -> None:
    driver, avatar = np.full((480, 640, 3), 50, np.uint8), np.full((512, 512, 3), 200, np.uint8)
    picture = sheet([(driver, avatar)] * 3, side=100)
    assert picture.shape == (200, 300, 3) and (picture[:100] == 50).all() and (picture[100:] == 200).all()

"""How far a head may move: free near rest, bent softly, never beyond."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face.motion_limits import (
    FARTHEST_TURN,
    LEAST_TURN,
    ROTATION_LIMITS,
    TRANSLATION_LIMITS,
    limit_rotation,
    limit_scale,
    limit_translation,
    soft_limit,
)

RANGE = np.linspace(-3, 3, 6001, dtype=np.float32)


def test_small_moves_pass_unchanged() -> None:
    small = np.radians([10, -15, 15]).astype(np.float32)
    assert limit_rotation(small) == pytest.approx(small)
    assert limit_translation(np.array([0.2, -0.2], np.float32)) == pytest.approx([0.2, -0.2])
    assert limit_scale(1.05) == pytest.approx(1.05)


def test_no_move_goes_beyond_its_limit() -> None:
    for size in (1e3, 1e9):
        assert (np.abs(limit_rotation(np.full(3, size, np.float32))) <= ROTATION_LIMITS[:, 1] + 1e-6).all()
        assert (np.abs(limit_translation(np.full(2, -size, np.float32))) <= TRANSLATION_LIMITS[1] + 1e-6).all()
        assert 0.8 < limit_scale(1 / size) < limit_scale(size) < 1.25
    assert limit_scale(0.0) > 0.8 and limit_scale(-1.0) > 0.8, "nonsense is limited as well"


def test_a_head_turned_in_its_photo_turns_back_less_the_more_it_is() -> None:
    def turned(by_deg: float, photo_deg: float) -> float:
        rotation = np.radians(np.array([0, by_deg, 0], np.float32))
        return float(np.degrees(limit_rotation(rotation, np.radians(photo_deg))[1]))

    back = [-turned(-60, photo_deg) for photo_deg in (0, 5, 10, 16, 30)]
    assert back[0] == pytest.approx(30, abs=0.1) and back == sorted(back, reverse=True)
    assert back[-1] == pytest.approx(np.degrees(LEAST_TURN), abs=0.1), "it still answers"
    assert turned(60, 5) == pytest.approx(30, abs=0.2), "away from the camera it is free as ever ..."
    assert 25 + turned(60, 25) == pytest.approx(np.degrees(FARTHEST_TURN), abs=0.2), "... up to there"
    assert turned(-4, 16) == pytest.approx(-4, abs=0.01), "small turns pass"
    for by_deg in (-25, -8, 8, 25):
        assert turned(by_deg, 14) == pytest.approx(-turned(-by_deg, -14)), "left is as right"


def test_the_bend_is_smooth_monotone_and_the_same_both_ways() -> None:
    limited = np.array([soft_limit(value, 0.5, 1.0) for value in RANGE.tolist()])
    slope = np.diff(limited) / np.diff(RANGE)
    assert (slope >= 0).all() and slope.max() <= 1.001, "a limited head never overtakes its driver or turns back"
    assert np.abs(np.diff(slope)).max() < 0.01, "no kink"
    assert limited == pytest.approx(-limited[::-1], abs=1e-6)

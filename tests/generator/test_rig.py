"""The face's landmarks under motion: at rest the photo's own, and never an impossible face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.types import F32, Motion

Move = Callable[..., Motion]


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    return Rig(astronaut.rest.landmarks_px, load_basis())


def landmarks(rig: Rig, motion: Motion) -> F32:
    return rig.landmarks(motion, rig.pose(motion))


def lip_gap(points: F32) -> F32:
    return np.asarray(points[list(mesh.LOWER_INNER_LIP), 1] - points[list(mesh.UPPER_INNER_LIP), 1])


def lid_gap(points: F32, side: str) -> float:
    upper, lower = {
        "Right": (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID),
        "Left": (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID),
    }[side]
    return float(np.linalg.norm(points[list(upper)] - points[list(lower)], axis=1).mean())


def test_at_rest_every_landmark_is_where_the_photo_has_it(rig: Rig, astronaut: Identity, move: Move) -> None:
    assert landmarks(rig, move()) == pytest.approx(astronaut.rest.landmarks_px, abs=0.02)


def test_motion_leaves_the_rig_as_it_was(rig: Rig, move: Move) -> None:
    before = landmarks(rig, move())
    landmarks(rig, move(yaw=20, jawOpen=1, eyeBlinkLeft=1, gaze=(0.2, 0.1)))
    assert np.array_equal(landmarks(rig, move()), before)


def test_a_turn_carries_the_nose_to_that_side(rig: Rig, move: Move) -> None:
    rest, left, right, down = (landmarks(rig, move(**turn)) for turn in ({}, {"yaw": 10}, {"yaw": -10}, {"pitch": 10}))
    assert left[1, 0] < rest[1, 0] - 3 and right[1, 0] > rest[1, 0] + 3, "+ yaw is the picture's left"
    assert down[1, 1] > rest[1, 1] + 3, "+ pitch is chin down"
    assert landmarks(rig, move(roll=10))[mesh.FOREHEAD, 0] > rest[mesh.FOREHEAD, 0] + 3, "+ roll is clockwise"


@pytest.mark.parametrize("side", ["Right", "Left"])
def test_a_blink_of_1_shuts_exactly_that_eye(rig: Rig, move: Move, side: str) -> None:
    other = "Left" if side == "Right" else "Right"
    rest, shut = landmarks(rig, move()), landmarks(rig, move(**{f"eyeBlink{side}": 1.0}))
    assert lid_gap(shut, side) < 0.02 * lid_gap(rest, side)
    assert lid_gap(shut, other) == pytest.approx(lid_gap(rest, other), rel=0.01)


def test_lids_close_step_by_step_and_go_no_further_than_shut(rig: Rig, move: Move) -> None:
    gaps = [lid_gap(landmarks(rig, move(eyeBlinkLeft=value)), "Left") for value in (-0.4, 0, 0.25, 0.5, 0.75, 1, 2)]
    assert gaps[:6] == sorted(gaps[:6], reverse=True) and gaps[6] == pytest.approx(gaps[5], abs=1e-3)
    assert gaps[3] == pytest.approx(gaps[1] / 2, rel=0.05), "half closed is half the opening"


def test_other_expressions_do_not_close_the_eyes(rig: Rig, move: Move) -> None:
    rest = landmarks(rig, move())
    smiling = landmarks(rig, move(mouthSmileLeft=1, mouthSmileRight=1, cheekSquintLeft=1, jawOpen=1, browDownLeft=1))
    assert lid_gap(smiling, "Left") == pytest.approx(lid_gap(rest, "Left"), rel=0.02)


def test_eyes_look_where_they_are_told(rig: Rig, move: Move) -> None:
    rest = landmarks(rig, move())
    right, down = landmarks(rig, move(gaze=(0.15, 0))), landmarks(rig, move(gaze=(0, 0.1)))
    for iris in (mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]):
        assert right[iris, 0] > rest[iris, 0] + 1 and down[iris, 1] > rest[iris, 1] + 1
        assert abs(right[iris, 1] - rest[iris, 1]) < 1


def test_look_coefficients_turn_both_eyes_to_the_subjects_left(rig: Rig, move: Move) -> None:
    """The subject's left is the picture's right."""
    rest, looking = landmarks(rig, move()), landmarks(rig, move(eyeLookOutLeft=0.8, eyeLookInRight=0.8))
    for iris in (mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]):
        assert looking[iris, 0] > rest[iris, 0] + 1


def test_lips_never_pass_through_each_other(rig: Rig, move: Move) -> None:
    least = np.minimum(lip_gap(to_rest(rig)), 0) - 1e-3
    draw = np.random.default_rng(2)
    for _ in range(200):
        motion = move(jawOpen=float(draw.uniform(-1, 1)))
        motion = replace(
            motion,
            blendshapes=(motion.blendshapes + draw.normal(0, 0.7, 52)).astype(np.float32),
            residual=draw.normal(0, 0.05, (478, 3)).astype(np.float32),
        )
        # In the picture: her head rests tilted, and a residual's depth shows in it as height.
        assert (lip_gap(landmarks(rig, motion)) >= least - 0.035 * rig.rest_pose.scale).all()


def test_closing_the_mouth_of_a_smile_meets_and_stops(rig: Rig, move: Move) -> None:
    gaps = [
        float(lip_gap(landmarks(rig, move(jawOpen=-0.1 * step, mouthClose=0.2 * step))).mean()) for step in range(8)
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[0] > 3, "the teeth show at rest"
    assert all(-0.5 < gap < 1 for gap in gaps[2:]), "pixels"


def test_parted_lips_open_no_further_than_the_drivers(rig: Rig, move: Move) -> None:
    """The astronaut's teeth show at rest: an opening jaw adds to that without a leap."""
    gaps = [float(lip_gap(landmarks(rig, move(jawOpen=0.05 * step))).mean()) for step in range(12)]
    steps = np.diff(gaps)
    assert (steps > 0).all() and steps.max() < 4 * steps[-1]


def to_rest(rig: Rig) -> F32:
    return rig.rest

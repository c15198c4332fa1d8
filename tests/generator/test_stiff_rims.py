"""Glasses keep their shape: a turn, a smile and raised brows do not bend them, and the face in them goes on living."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.types import F32, Motion
from benchmarks.kinds import bend

Move = Callable[..., Motion]
RIMS = (
    (46, 53, 52, 65, 55, 193, 143, 111, 117, 118, 119, 120, 121, 128),
    (276, 283, 282, 295, 285, 417, 372, 340, 346, 347, 348, 349, 350, 357),
)
"""Landmarks that the right and the left rim lie over: brows, sides of the nose, cheek bones."""


@pytest.fixture(scope="module")
def rigs(astronaut: Identity) -> dict[bool, Rig]:
    """The same person without and with glasses."""
    landmarks = astronaut.rest.landmarks_px
    return {worn: Rig(landmarks, load_basis(), glasses=worn) for worn in (False, True)}


def landmarks(rig: Rig, motion: Motion) -> F32:
    return rig.landmarks(motion, rig.pose(motion))


def test_at_rest_every_landmark_is_where_the_photo_has_it(rigs: dict[bool, Rig], move: Move) -> None:
    plain, worn = (landmarks(rigs[glasses], move())[:, :2] for glasses in (False, True))
    assert worn == pytest.approx(plain, abs=0.02)


@pytest.mark.parametrize(
    ("motion", "share"),
    [
        ({"yaw": 18}, 0.2),
        ({"yaw": -18}, 0.2),
        ({"pitch": 14}, 0.2),
        ({"browInnerUp": 0.9, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8}, 0.6),
        ({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.7, "cheekSquintRight": 0.7}, 0.6),
    ],
)
def test_rims_keep_their_shape(rigs: dict[bool, Rig], move: Move, motion: dict[str, float], share: float) -> None:
    apart = float(np.linalg.norm(np.diff(rigs[True].rest[[468, 473], :2], axis=0)))
    for rim in map(list, RIMS):
        rest = rigs[True].rest[rim, :2]
        bent = {worn: bend(rest, landmarks(rig, move(**motion))[rim, :2]) / apart for worn, rig in rigs.items()}
        assert bent[True] < share * bent[False]


def test_eyes_behind_glasses_shut_and_look_aside_as_without(rigs: dict[bool, Rig], move: Move) -> None:
    for motion in (move(eyeBlinkLeft=1.0, eyeBlinkRight=1.0), move(gaze=(0.15, 0.05))):
        plain, worn = (landmarks(rigs[glasses], motion) for glasses in (False, True))
        eyes = [*mesh.RIGHT_EYE_OPENING, *mesh.RIGHT_IRIS, *mesh.LEFT_EYE_OPENING, *mesh.LEFT_IRIS]
        assert worn[eyes, :2] == pytest.approx(plain[eyes, :2], abs=1.5)


def test_mouth_chin_and_forehead_do_not_know_of_glasses(rigs: dict[bool, Rig], move: Move) -> None:
    motion = move(yaw=12, pitch=5, jawOpen=0.6, mouthSmileLeft=0.5)
    plain, worn = (landmarks(rigs[glasses], motion) for glasses in (False, True))
    below = [*mesh.MOUTH_OPENING, *mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP, mesh.CHIN, mesh.FOREHEAD]
    assert worn[below, :2] == pytest.approx(plain[below, :2], abs=0.5)

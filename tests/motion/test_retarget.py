"""From a driver's face to motion: what the driver does comes out, whoever they are and wherever they sit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.motion.retarget import Retargeter
from avatar.types import BLENDSHAPE_INDEX, FaceState, Motion

Driver = Callable[..., FaceState]
FPS = 30


@pytest.fixture
def retargeter(driver: Driver) -> Retargeter:
    """Knows the driver's resting face."""
    made = Retargeter(load_basis())
    for index in range(40):
        made.motion(driver(index / FPS))
    assert made.calibrated
    return made


def coefficient(motion: Motion, name: str) -> float:
    return float(motion.blendshapes[BLENDSHAPE_INDEX[name]])


def test_a_driver_at_rest_leaves_the_avatar_at_rest(retargeter: Retargeter, driver: Driver) -> None:
    motion = retargeter.motion(driver(2.0))
    assert motion.time_s == 2.0
    assert np.abs(motion.blendshapes).max() < 0.01
    assert np.abs(motion.rotation).max() < 1e-3 and np.abs(motion.translation).max() < 1e-3
    assert motion.scale == pytest.approx(1, abs=1e-3)
    assert motion.gaze is not None and np.abs(motion.gaze).max() < 1e-3
    assert motion.residual is not None and np.abs(motion.residual).max() < 1e-3


@pytest.mark.parametrize(("axis", "index"), [("pitch", 0), ("yaw", 1), ("roll", 2)])
@pytest.mark.parametrize("degrees", [-10, 10])
def test_a_turn_comes_out_as_that_turn(
    retargeter: Retargeter, driver: Driver, axis: str, index: int, degrees: float
) -> None:
    turn = np.degrees(retargeter.motion(driver(2.0, **{axis: degrees})).rotation)
    wanted = np.zeros(3)
    wanted[index] = degrees
    assert turn == pytest.approx(wanted, abs=0.5)


def test_moving_aside_and_nearer_comes_out_in_head_units(retargeter: Retargeter, driver: Driver) -> None:
    motion = retargeter.motion(driver(2.0, shift=(0.2, -0.1), scale=1.05))
    assert motion.translation == pytest.approx([0.2, -0.1], abs=0.02)
    assert motion.scale == pytest.approx(1.05, abs=0.01)


@pytest.mark.parametrize("zoom", [0.5, 2.0])
def test_it_does_not_matter_how_large_the_driver_is_in_the_camera(driver: Driver, zoom: float) -> None:
    retargeter = Retargeter(load_basis())
    for index in range(40):
        retargeter.motion(driver(index / FPS, zoom=zoom))
    motion = retargeter.motion(driver(2.0, zoom=zoom, yaw=10, shift=(0.1, 0), jawOpen=0.5))
    assert np.degrees(motion.rotation[1]) == pytest.approx(10, abs=0.6)
    assert motion.translation[0] == pytest.approx(0.1, abs=0.02)
    assert coefficient(motion, "jawOpen") == pytest.approx(0.5, abs=0.02)


def test_closed_eyes_come_out_as_exactly_closed_and_a_wink_as_one(retargeter: Retargeter, driver: Driver) -> None:
    shut = retargeter.motion(driver(2.0, eyeBlinkLeft=1, eyeBlinkRight=1))
    assert coefficient(shut, "eyeBlinkLeft") == coefficient(shut, "eyeBlinkRight") == 1
    wink = retargeter.motion(driver(2.1, eyeBlinkRight=1))
    assert coefficient(wink, "eyeBlinkRight") == 1 and abs(coefficient(wink, "eyeBlinkLeft")) < 0.05
    half = retargeter.motion(driver(2.2, eyeBlinkLeft=0.4, eyeBlinkRight=0.4))
    assert 0.3 < coefficient(half, "eyeBlinkLeft") < 0.8
    wide = retargeter.motion(driver(2.3, eyeBlinkLeft=-0.5, eyeBlinkRight=-0.5))
    assert -0.6 < coefficient(wide, "eyeBlinkLeft") < -0.2


def test_an_expression_is_taken_relative_to_the_drivers_own_rest(retargeter: Retargeter, driver: Driver) -> None:
    """The astronaut smiles at rest: that smile is not passed on, its vanishing is."""
    motion = retargeter.motion(driver(2.0, mouthSmileLeft=-0.6, mouthSmileRight=-0.6))
    assert coefficient(motion, "mouthSmileLeft") == pytest.approx(-0.6, abs=0.05)


def test_glances_come_out_on_both_eyes(retargeter: Retargeter, driver: Driver) -> None:
    gaze = retargeter.motion(driver(2.0, gaze=(0.12, -0.06))).gaze
    assert gaze is not None and gaze == pytest.approx([0.12, -0.06], abs=0.02)


def test_what_the_avatar_gets_makes_it_do_what_the_driver_does(
    retargeter: Retargeter, driver: Driver, astronaut: Identity
) -> None:
    """The circle closes: driven by itself, the avatar's landmarks are the driver's."""
    rig = Rig(astronaut.rest.landmarks_px, load_basis())
    seen = driver(2.0, yaw=8, pitch=-5, jawOpen=0.4, mouthPucker=0.3, browInnerUp=0.5)
    motion = retargeter.motion(seen)
    drawn = rig.landmarks(motion, rig.pose(motion))
    apart = np.linalg.norm((drawn - seen.landmarks_px)[:, :2], axis=1) / seen.pose.scale
    assert apart.mean() < 0.02 and apart.max() < 0.12, "head units"


def test_calibrating_anew_takes_the_present_face_as_rest(retargeter: Retargeter, driver: Driver) -> None:
    slouching = {"yaw": 12, "pitch": 6, "shift": (0.2, 0.2)}
    assert np.degrees(retargeter.motion(driver(2.0, **slouching)).rotation[1]) == pytest.approx(12, abs=0.6)
    retargeter.recalibrate()
    assert not retargeter.calibrated
    for index in range(40):
        motion = retargeter.motion(driver(3 + index / FPS, **slouching))
    assert retargeter.calibrated
    assert np.abs(motion.rotation).max() < 1e-3 and np.abs(motion.translation).max() < 1e-3


def test_another_camera_is_calibrated_by_itself(retargeter: Retargeter, driver: Driver) -> None:
    motion = retargeter.motion(driver(2.0, zoom=2))
    assert not retargeter.calibrated
    assert np.abs(motion.translation).max() < 1e-3 and motion.scale == pytest.approx(1, abs=1e-3), "no leap"
    for index in range(40):
        retargeter.motion(driver(2 + index / FPS, zoom=2))
    assert retargeter.calibrated


def test_the_face_that_was_seen_is_left_as_it_was(retargeter: Retargeter, driver: Driver) -> None:
    seen = driver(2.0, yaw=5, jawOpen=0.3)
    landmarks, blendshapes = seen.landmarks_px.copy(), seen.blendshapes.copy()
    retargeter.motion(seen)
    assert np.array_equal(seen.landmarks_px, landmarks) and np.array_equal(seen.blendshapes, blendshapes)


def test_a_rest_found_anew_is_eased_into_and_reached(retargeter: Retargeter, driver: Driver) -> None:
    turned = [np.degrees(retargeter.motion(driver(2 + index / FPS, yaw=20)).rotation[1]) for index in range(3)]
    assert turned == pytest.approx([20] * 3, abs=0.5)
    retargeter.recalibrate()
    shown = [np.degrees(retargeter.motion(driver(2.1 + index / FPS, yaw=20)).rotation[1]) for index in range(60)]
    assert np.abs(np.diff([turned[-1], *shown])).max() < 3, "degrees a picture"
    assert abs(shown[-1]) < 0.1


def test_a_rest_that_is_settled_is_measured_from_as_it_is(
    retargeter: Retargeter, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(120):
        retargeter.motion(driver(2 + index / FPS))
    monkeypatch.delattr("avatar.motion.retarget.between")
    assert np.degrees(retargeter.motion(driver(6.1)).rotation) == pytest.approx([0, 0, 0], abs=0.1)


def test_a_clip_looked_at_beforehand_begins_with_the_rest_that_was_found(driver: Driver) -> None:
    retargeter = Retargeter(load_basis())
    for index in range(40):
        retargeter.motion(driver(index / FPS, yaw=15 if index < 5 else 0))
    assert np.degrees(retargeter.motion(driver(0.0)).rotation) == pytest.approx([0, 0, 0], abs=0.1)

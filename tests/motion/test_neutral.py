"""Finding the driver's resting face while they already blink, talk and come and go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face import mesh
from avatar.motion.neutral import Neutral, NeutralCalibration, eye_openings
from avatar.types import FaceState

Driver = Callable[..., FaceState]
FPS = 30


def lip_gap(neutral: Neutral) -> float:
    return float(neutral.landmarks[mesh.LOWER_LIP_CENTRE, 1] - neutral.landmarks[mesh.UPPER_LIP_CENTRE, 1])


def settle(faces: list[FaceState]) -> tuple[NeutralCalibration, Neutral]:
    calibration = NeutralCalibration()
    for face in faces:
        neutral = calibration.observe(face)
    return calibration, neutral


def test_there_is_a_resting_face_from_the_first_frame_on_and_a_settled_one_after_a_second(driver: Driver) -> None:
    calibration = NeutralCalibration()
    first = calibration.observe(driver(5.0))
    assert first.eye_openings == pytest.approx(eye_openings(driver().landmarks_px))
    for index in range(1, 29):
        calibration.observe(driver(5 + index / FPS))
        assert not calibration.done
    for index in range(29, 33):
        calibration.observe(driver(5 + index / FPS))
    assert calibration.done


def test_once_settled_it_stays(driver: Driver) -> None:
    calibration, before = settle([driver(index / FPS) for index in range(40)])
    assert calibration.observe(driver(2.0, yaw=20, jawOpen=1)) is before


def test_blinks_are_left_out(driver: Driver) -> None:
    """Half a second of closed eyes in the first second, and closed on the very first frame."""
    shut = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    faces = [driver(index / FPS, **(shut if index < 6 or 12 <= index < 22 else {})) for index in range(40)]
    assert settle(faces)[1].eye_openings == pytest.approx(eye_openings(driver().landmarks_px), rel=0.02)


def test_who_talks_from_the_start_has_a_closed_mouth_at_rest(driver: Driver) -> None:
    """Syllables: the jaw goes up and down four times a second."""
    jaws = [max(0.0, float(np.sin(2 * np.pi * 4 * index / FPS))) for index in range(40)]
    talking = settle([driver(index / FPS, jawOpen=0.6 * jaw) for index, jaw in enumerate(jaws)])[1]
    silent = settle([driver(index / FPS) for index in range(40)])[1]
    wide = settle([driver(index / FPS, jawOpen=0.6) for index in range(40)])[1]
    assert lip_gap(talking) - lip_gap(silent) < 0.1 * (lip_gap(wide) - lip_gap(silent))


def test_one_odd_frame_does_not_bend_the_rest(driver: Driver) -> None:
    faces = [driver(index / FPS) for index in range(40)]
    faces[10] = driver(10 / FPS, yaw=25, roll=30, shift=(0.5, 0.5), scale=1.2)
    odd, plain = settle(faces)[1], settle([driver(index / FPS) for index in range(40)])[1]
    assert odd.landmarks == pytest.approx(plain.landmarks, abs=1e-3)
    assert odd.position == pytest.approx(plain.position, abs=0.5)
    assert odd.rotation == pytest.approx(plain.rotation, abs=1e-3)


def test_held_faces_are_not_looked_at(driver: Driver) -> None:
    calibration, before = settle([driver(index / FPS) for index in range(10)])
    for index in range(10, 20):
        assert calibration.observe(driver(index / FPS, yaw=20, confidence=0.5)) is before


def test_someone_who_came_into_view_for_a_moment_does_not_settle_the_rest(driver: Driver) -> None:
    """A glimpse, then nobody for ten seconds: the second that counts starts anew."""
    calibration, _ = settle([driver(0.0, yaw=25), driver(1 / FPS, yaw=25)])
    for index in range(20):
        neutral = calibration.observe(driver(10 + index / FPS))
    assert not calibration.done
    straight = settle([driver(0.0)])[1]
    assert neutral.rotation == pytest.approx(straight.rotation, abs=1e-3)


def test_a_camera_that_changes_its_size_starts_the_second_anew(driver: Driver) -> None:
    calibration, _ = settle([driver(index / FPS) for index in range(20)])
    for index in range(20, 40):
        neutral = calibration.observe(driver(index / FPS, zoom=2))
    assert not calibration.done and neutral.frame_size == (1280, 960)
    assert neutral.scale == pytest.approx(2 * driver().pose.scale, rel=1e-3)


def test_a_frame_rate_of_five_is_enough(driver: Driver) -> None:
    assert settle([driver(index / 5) for index in range(7)])[0].done


def test_eye_openings_are_shares_of_the_eyes_width_at_any_size(driver: Driver) -> None:
    right, left = eye_openings(driver().landmarks_px)
    assert 0.15 < right < 0.5 and 0.15 < left < 0.5
    assert eye_openings(driver(zoom=3).landmarks_px) == pytest.approx((right, left), rel=1e-3)
    wink = eye_openings(driver(eyeBlinkLeft=1).landmarks_px)
    assert wink[0] == pytest.approx(right, rel=0.02) and wink[1] < 0.05
    assert eye_openings(np.zeros((478, 3), np.float32)) == (0, 0), "no face, no error"

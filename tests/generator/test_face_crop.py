"""The head's crop: it follows the head and ignores the expression."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose, mean_head, rotation_matrix, to_pixels
from avatar.generator.face_crop import CROP_SIZE, face_window
from avatar.types import BLENDSHAPE_INDEX, F32, HeadPose


def head_at(x: float, y: float, scale: float, *, roll: float = 0.0, jaw: float = 0.0) -> F32:
    coefficients = np.zeros(52, np.float32)
    coefficients[BLENDSHAPE_INDEX["jawOpen"]] = jaw
    pose = HeadPose(
        rotation_matrix(np.array([0, 0, np.radians(roll)], np.float32)), np.array([x, y, 0], np.float32), scale
    )
    return to_pixels(mean_head() + load_basis().displacement(coefficients), pose)


@pytest.mark.parametrize("roll", [0, -20, 20])
@pytest.mark.parametrize("jaw", [0.0, 1.0])
def test_the_whole_face_is_in_the_crop_even_with_the_jaw_dropped(roll: float, jaw: float) -> None:
    landmarks = head_at(300, 200, 90, roll=roll, jaw=jaw)
    inside = face_window(fit_pose(landmarks)).to_picture(landmarks)[:468, :2]
    assert inside.min() > 0 and inside.max() < CROP_SIZE
    assert np.ptp(inside[:, 1]) > 0.5 * CROP_SIZE, "and fills most of it"


def test_a_head_elsewhere_and_nearer_looks_the_same_in_its_crop() -> None:
    far, near = head_at(100, 80, 40), head_at(420, 333, 95)
    seen = [face_window(fit_pose(landmarks)).to_picture(landmarks) for landmarks in (far, near)]
    assert np.abs(seen[0] - seen[1]).max() < 0.1


def test_an_opening_mouth_does_not_move_the_crop() -> None:
    closed, opened = (face_window(fit_pose(head_at(300, 200, 90, jaw=jaw))) for jaw in (0.0, 1.0))
    pixel = 1 / closed.scale
    assert abs(closed.left - opened.left) < 2 * pixel and abs(closed.top - opened.top) < 6 * pixel

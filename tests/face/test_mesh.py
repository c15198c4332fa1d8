"""The named parts of the face mesh lie where their names say, on a real face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.identity import Identity
from avatar.types import F32

RIGHT_EYE = (mesh.RIGHT_EYE_CORNERS, mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID, mesh.RIGHT_IRIS)
LEFT_EYE = (mesh.LEFT_EYE_CORNERS, mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID, mesh.LEFT_IRIS)
MOUTH = (mesh.MOUTH_CORNERS, mesh.UPPER_INNER_LIP, mesh.LOWER_INNER_LIP)


@pytest.fixture(scope="module")
def points(astronaut: Identity) -> F32:
    return astronaut.rest.landmarks_px[:, :2]


@pytest.mark.parametrize(("corners", "upper", "lower"), [RIGHT_EYE[:3], LEFT_EYE[:3], MOUTH])
def test_openings_run_from_the_left_of_the_picture_to_its_right_with_pairs_above_each_other(
    points: F32, corners: tuple[int, ...], upper: tuple[int, ...], lower: tuple[int, ...]
) -> None:
    for edge in (upper, lower):
        across = points[[corners[0], *edge, corners[1]], 0]
        assert (np.diff(across) > 0).all()
    above, below = points[list(upper)], points[list(lower)]
    assert (above[:, 1] < below[:, 1]).all()
    width = points[corners[1], 0] - points[corners[0], 0]
    assert np.abs(above[:, 0] - below[:, 0]).max() < 0.12 * width


@pytest.mark.parametrize(("corners", "upper", "lower", "iris"), [RIGHT_EYE, LEFT_EYE])
def test_irises_lie_in_their_eyes_centre_first(
    points: F32, corners: tuple[int, int], upper: tuple[int, ...], lower: tuple[int, ...], iris: tuple[int, ...]
) -> None:
    centre = points[iris[0]]
    assert points[corners[0], 0] < centre[0] < points[corners[1], 0]
    assert centre == pytest.approx(points[list(iris[1:])].mean(axis=0), abs=1)


def test_the_subjects_right_is_the_pictures_left(points: F32) -> None:
    assert points[mesh.RIGHT_IRIS[0], 0] < points[mesh.LEFT_IRIS[0], 0]


def test_the_outline_goes_around_everything_once(points: F32) -> None:
    outline = points[list(mesh.OVAL)]
    assert len(set(mesh.OVAL)) == len(mesh.OVAL) == 36
    assert cv2.contourArea(outline.reshape(-1, 1, 2), oriented=True) > 0, "clockwise as the picture shows it"
    inside = [cv2.pointPolygonTest(outline.reshape(-1, 1, 2), tuple(map(float, point)), True) for point in points]
    assert min(inside) > -3, "pixels"
    assert points[mesh.FOREHEAD, 1] < points[:, 1].min() + 2 and points[mesh.CHIN, 1] > points[:, 1].max() - 2


def test_outer_lips_lie_outside_the_inner_ones(points: F32) -> None:
    for inner, outer, sign in (
        (mesh.UPPER_INNER_LIP, mesh.UPPER_OUTER_LIP, -1),
        (mesh.LOWER_INNER_LIP, mesh.LOWER_OUTER_LIP, 1),
    ):
        assert (sign * (points[list(outer), 1] - points[list(inner), 1]) > 0).all()


def test_the_skin_covers_the_face_but_for_eyes_and_mouth(points: F32) -> None:
    triangles = mesh.face_triangles()
    assert triangles.shape == (852, 3) and triangles.min() == 0 and triangles.max() == 467
    canvas = np.zeros((398, 499), np.uint8)
    for triangle in triangles:
        cv2.fillConvexPoly(canvas, np.rint(points[triangle]).astype(np.int32), 1)
    for number in (4, 50, 280, 151, 199, mesh.CHIN):
        x, y = np.rint(points[number]).astype(int)
        assert canvas[y - 1, x] == 1
    mouth = points[[mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE]].mean(axis=0)
    for x, y in (mouth, points[mesh.RIGHT_IRIS[0]], points[mesh.LEFT_IRIS[0]]):
        assert canvas[round(float(y)), round(float(x))] == 0

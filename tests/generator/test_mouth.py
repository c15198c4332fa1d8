"""The inside of a mouth: there when it opens, and only there."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.mouth import MouthInterior, Teeth, drawn_teeth
from avatar.generator.rig import Rig
from avatar.types import F32, U8, Motion

Move = Callable[..., Motion]
GREEN = (0, 255, 0)


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    return Rig(astronaut.rest.landmarks_px, load_basis())


@pytest.fixture(scope="module")
def mouth(astronaut: Identity, rig: Rig) -> MouthInterior:
    return MouthInterior(astronaut.rest.rgb, rig.rest, rig.rest_pose)


def draw(mouth: MouthInterior, rig: Rig, motion: Motion) -> tuple[U8, U8]:
    """Return a green picture with the mouth drawn into it, and the mask of the opening."""
    landmarks, pose = rig.landmarks(motion, rig.pose(motion)), rig.pose(motion)
    picture = np.zeros((398, 499, 3), np.uint8)
    picture[:] = GREEN
    mouth.draw(picture, landmarks, pose)
    opening = np.zeros((398, 499), np.uint8)
    cv2.fillPoly(opening, [np.rint(landmarks[list(mesh.MOUTH_OPENING), :2]).astype(np.int32)], 255)
    return picture, opening


def is_green(picture: U8) -> np.ndarray:
    return np.asarray((picture == GREEN).all(axis=2))


def test_an_open_mouth_is_filled_to_its_lips_and_no_further(mouth: MouthInterior, rig: Rig, move: Move) -> None:
    picture, opening = draw(mouth, rig, move(jawOpen=0.8))
    inside = cv2.erode(opening, np.ones((5, 5), np.uint8)) > 0
    outside = cv2.dilate(opening, np.ones((7, 7), np.uint8)) == 0  # the opening's corners lie between pixels
    assert inside.sum() > 50
    assert not is_green(picture)[inside].any() and is_green(picture)[outside].all()


def test_a_closed_mouth_shows_nothing(mouth: MouthInterior, rig: Rig, move: Move) -> None:
    shut = rig.rest.copy()
    shut[list(mesh.LOWER_INNER_LIP)] = shut[list(mesh.UPPER_INNER_LIP)]
    picture = np.zeros((398, 499, 3), np.uint8)
    mouth.draw(picture, shut, rig.rest_pose)
    assert not picture.any()


def test_the_dark_of_the_mouth_is_darker_than_its_teeth(mouth: MouthInterior, rig: Rig, move: Move) -> None:
    picture, opening = draw(mouth, rig, move(jawOpen=1.0))
    grey = picture.mean(axis=2)[cv2.erode(opening, np.ones((3, 3), np.uint8)) > 0]
    assert np.percentile(grey, 95) > np.percentile(grey, 5) + 50


@pytest.mark.parametrize("level", [0, 2, 128, 255])
def test_a_face_in_any_light_gets_a_mouth(rig: Rig, move: Move, level: int) -> None:
    with np.errstate(all="raise"):
        mouth = MouthInterior(np.full((398, 499, 3), level, np.uint8), rig.rest, rig.rest_pose)
        draw(mouth, rig, move(jawOpen=0.8))


def test_a_mouth_outside_the_picture_draws_nothing(mouth: MouthInterior, rig: Rig) -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    mouth.draw(picture, (rig.rest + np.array([5000, 0, 0])).astype(np.float32), rig.rest_pose)
    assert not picture.any()


def test_the_drawn_teeth_are_premultiplied_and_fit_their_register() -> None:
    upper, lower, cavity = drawn_teeth()
    assert cavity.shape == (3,) and (cavity < 128).all()
    for teeth in (upper, lower):
        assert teeth.rgba.ndim == 3 and teeth.rgba.shape[2] == 4 and 0 <= teeth.rgba.min() <= teeth.rgba.max() <= 255
        assert (teeth.rgba[..., :3] <= teeth.rgba[..., 3:] + 1).all()
        assert 0 <= teeth.anchor_px[0] <= teeth.rgba.shape[1] and teeth.px_per_unit > 0


def test_shrunk_teeth_lie_where_they_lay() -> None:
    upper, _, _ = drawn_teeth()
    small = upper.shrunk(200)
    assert small.px_per_unit == pytest.approx(200)
    assert small.rgba[..., 3].sum() / 200**2 == pytest.approx(upper.rgba[..., 3].sum() / upper.px_per_unit**2, rel=0.02)

    def middle(teeth: Teeth) -> F32:
        """Return the middle of the teeth from their anchor, head units."""
        rows, columns = np.indices(teeth.rgba.shape[:2])
        weight = teeth.rgba[..., 3] / teeth.rgba[..., 3].sum()
        at = np.array([(weight * columns).sum(), (weight * rows).sum()])
        return np.asarray((at - teeth.anchor_px) / teeth.px_per_unit, np.float32)

    assert np.abs(middle(small) - middle(upper)).max() < 0.002
    assert upper.shrunk(5000).rgba.shape == upper.rgba.shape

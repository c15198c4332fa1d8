"""The geometry tier's mouth: the photo's own while it is open as in the photo, else dark inside, and in its lips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.mouth_shade import mouth_shape, resting_mouth
from avatar.generator.protocol import target_face
from avatar.generator.rig import Rig
from avatar.generator.shaded_mouth import ShadedMouth
from avatar.types import U8, Motion

Move = Callable[..., Motion]


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    return Rig(astronaut.rest.landmarks_px, load_basis())


@pytest.fixture(scope="module")
def mouth(astronaut: Identity, rig: Rig) -> ShadedMouth:
    return ShadedMouth(astronaut.rest.rgb, rig.rest, rig.rest_pose)


def drawn(generator: GeometryGenerator, motion: Motion) -> tuple[U8, U8, np.ndarray]:
    """Return the moved photo without and with its mouth, and where the opening is, its rim left out."""
    target = target_face(generator.rig, generator.identity, motion)
    opening = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(opening, [np.rint(target.landmarks[list(mesh.MOUTH_OPENING), :2]).astype(np.int32)], 255)
    return generator.move(target).picture, generator.draw(target), cv2.erode(opening, np.ones((5, 5), np.uint8)) > 0


def test_a_smile_in_the_photo_stays_as_it_is(astronaut: Identity, move: Move) -> None:
    bare, picture, inside = drawn(GeometryGenerator(astronaut, (512, 512)), move())
    assert inside.sum() > 50
    assert np.abs(bare.astype(int) - picture)[inside].mean() < 2


def test_a_wide_open_mouth_is_dark_inside_and_the_lips_stay(astronaut: Identity, move: Move) -> None:
    generator = GeometryGenerator(astronaut, (512, 512))
    bare, picture, inside = drawn(generator, move(jawOpen=1.0))
    skin = float(np.percentile(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[200:300, 200:312], 70))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[inside]
    assert np.median(grey) < 0.65 * skin, "teeth from lip to lip are a denture"
    around = cv2.dilate(inside.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0
    assert np.array_equal(bare[around], picture[around])


def test_lips_that_part_a_little_are_no_longer_the_photos(astronaut: Identity, rig: Rig, move: Move) -> None:
    resting = resting_mouth(astronaut.rest.rgb, rig.rest, rig.rest_pose)
    likeness = []
    for jaw in (0.0, 0.2, 0.9):
        motion = move(jawOpen=jaw)
        shape = mouth_shape(rig.landmarks(motion, rig.pose(motion)), rig.pose(motion), resting)
        likeness.append(shape.likeness)
    assert likeness[0] > 0.95 and likeness[0] > likeness[1] > likeness[2] == 0
    closed = replace(resting, opening=0.0)
    assert mouth_shape(rig.rest, rig.rest_pose, closed).likeness == 0, "a closed photo shows nothing of what is inside"


def test_a_closed_mouth_shows_nothing(mouth: ShadedMouth, rig: Rig) -> None:
    shut = rig.rest.copy()
    shut[list(mesh.LOWER_INNER_LIP)] = shut[list(mesh.UPPER_INNER_LIP)]
    picture = np.zeros((398, 499, 3), np.uint8)
    mouth.draw(picture, shut, rig.rest_pose)
    assert not picture.any()


@pytest.mark.parametrize("level", [0, 2, 128, 255])
def test_a_face_in_any_light_gets_a_mouth(rig: Rig, move: Move, level: int) -> None:
    picture = np.full((398, 499, 3), level, np.uint8)
    motion = move(jawOpen=0.8)
    with np.errstate(all="raise"):
        mouth = ShadedMouth(picture, rig.rest, rig.rest_pose)
        mouth.draw(picture, rig.landmarks(motion, rig.pose(motion)), rig.pose(motion))
    assert picture.max() <= max(1.3 * level, 60), "no mouth shines in the dark"


def test_a_mouth_outside_the_picture_draws_nothing(mouth: ShadedMouth, rig: Rig) -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    mouth.draw(picture, (rig.rest + np.array([5000, 0, 0])).astype(np.float32), rig.rest_pose)
    assert not picture.any()


def test_half_a_shade_lies_halfway_between_what_was_there_and_all_of_it(astronaut: Identity, move: Move) -> None:
    generator = GeometryGenerator(astronaut, (512, 512))
    target = target_face(generator.rig, astronaut, move(jawOpen=0.8))
    bare = generator.move(target).picture
    layer = generator.mouth_layer(bare, target)
    assert layer is not None
    whole, half = bare.copy(), bare.copy()
    layer.lay(whole)
    layer.weaker(0.5).lay(half)
    assert np.array_equal(whole, generator.draw(target))
    assert np.abs(half.astype(int) - (whole.astype(int) + bare) / 2).max() <= 1

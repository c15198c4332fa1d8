"""Where MuseTalk looks at a face, and how what it draws is laid back; no network is needed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.musetalk.generator import MuseTalkGenerator, rest_mouth
from avatar.generator.musetalk.mouth_square import MouthSquare, lay_back, mouth_square
from avatar.generator.protocol import target_face
from avatar.identities.open import open_identity
from avatar.types import BLENDSHAPE_INDEX, F32, U8, HeardVoice, Motion, rest_motion

SIZE = (256, 256)


class Same:
    """Draws the mouth that is there."""

    name = "same"

    def __init__(self) -> None:
        self.seen: list[U8] = []

    def draw(self, square: U8, heard: F32) -> U8:
        self.seen.append(square)
        return square


@pytest.fixture(scope="module")
def generator() -> GeometryGenerator:
    return GeometryGenerator(open_identity("mira"), SIZE)


def turned(*rotation: float) -> Motion:
    return replace(rest_motion(0.0), rotation=np.array(rotation, np.float32))


def places(square: MouthSquare, points: F32) -> F32:
    return np.asarray(points[:, :2] @ square.to_square[:, :2].T + square.to_square[:, 2], np.float32)


@pytest.mark.parametrize("rotation", [(0.0, 0.0, 0.0), (0.0, 0.0, 0.4), (0.1, 0.3, 0.0)])
def test_the_face_fills_the_square_upright_its_mouth_in_the_lower_half(
    generator: GeometryGenerator, rotation: tuple[float, float, float]
) -> None:
    landmarks = target_face(generator.rig, generator.identity, turned(*rotation)).landmarks
    found = places(mouth_square(landmarks), landmarks)
    outline = found[list(mesh.OVAL[6:31])]
    assert abs(outline[:, 0].min()) < 0.5 and abs(outline[:, 0].max() - 256) < 0.5
    assert 236 < outline[:, 1].max() < 250, "room below the chin"
    assert (found[list(mesh.MOUTH_OPENING), 1] > 150).all() and 120 < found[195, 1] < 128
    eyes = found[list(mesh.OUTER_EYE_CORNERS)]
    assert abs(eyes[0, 1] - eyes[1, 1]) < 1 and 40 < eyes[:, 1].mean() < 110


def test_what_is_drawn_has_a_soft_edge_within_the_square(generator: GeometryGenerator) -> None:
    landmarks = target_face(generator.rig, generator.identity, rest_motion(0.0)).landmarks
    square = mouth_square(landmarks)
    share = square.share
    assert share[:128].max() == 0 and share[-1].max() == 0 and share[:, [0, -1]].max() == 0
    x, y = places(square, landmarks)[mesh.LOWER_LIP_CENTRE].round().astype(int)
    assert share[y, x] == 255
    assert np.abs(np.diff(share.astype(int), axis=0)).max() < 40


@pytest.mark.parametrize("background", [3, 4])
def test_the_same_mouth_laid_back_leaves_the_picture_as_it_was(generator: GeometryGenerator, background: int) -> None:
    picture = generator.render(rest_motion(0.0))
    if background == 4:
        picture = np.dstack([picture, np.full(SIZE[::-1], 255, np.uint8)])
    landmarks = target_face(generator.rig, generator.identity, rest_motion(0.0)).landmarks
    square = mouth_square(landmarks)
    seen = cv2.warpAffine(np.ascontiguousarray(picture[..., :3]), square.to_square, (256, 256))
    laid = lay_back(picture, np.asarray(seen, np.uint8), square)
    assert laid.shape == picture.shape and cv2.absdiff(laid, picture).mean() < 0.5


def test_a_face_at_the_pictures_border_or_beyond_it_is_drawn_as_far_as_it_is_seen(generator: GeometryGenerator) -> None:
    landmarks = target_face(generator.rig, generator.identity, rest_motion(0.0)).landmarks.copy()
    picture = generator.render(rest_motion(0.0))
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 255
    for shift, changes in ((90, True), (600, False)):
        moved = landmarks + np.array([shift, 0, 0], np.float32)
        assert bool((lay_back(picture, red, mouth_square(moved)) != picture).any()) == changes


def test_without_a_voice_the_other_tier_draws_alone(generator: GeometryGenerator) -> None:
    engine = Same()
    talking = MuseTalkGenerator(generator, engine)
    smile = rest_motion(0.0)
    smile.blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]] = 0.7
    assert (talking.render(smile) == generator.render(smile)).all() and not engine.seen
    assert (
        talking.render(replace(smile, heard=HeardVoice(np.zeros((1, 1), np.float32), 0.0))) == generator.render(smile)
    ).all()
    assert not engine.seen


def test_the_mouth_rests_where_it_is_drawn_and_the_rest_of_the_face_moves_on() -> None:
    moved = rest_motion(0.0)
    moved.blendshapes[:] = 0.5
    half = rest_mouth(moved, 0.5).blendshapes
    assert half[BLENDSHAPE_INDEX["jawOpen"]] == half[BLENDSHAPE_INDEX["mouthPucker"]] == 0.25
    assert half[BLENDSHAPE_INDEX["browInnerUp"]] == half[BLENDSHAPE_INDEX["eyeBlinkLeft"]] == 0.5

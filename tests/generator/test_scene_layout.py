"""A person and their background laid out for a picture: at rest together they are the photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity
from avatar.generator.overlay import overlay
from avatar.generator.scene_layout import lay_out_scene

SIZES = [(512, 512), (1280, 720), (360, 640), (128, 128)]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_parts_fit_together(astronaut: Identity, size: tuple[int, int]) -> None:
    scene = lay_out_scene(astronaut, size)
    width, height = scene.size
    assert scene.still.shape == (size[1], size[0], 3)
    assert (
        scene.still[scene.rows, scene.columns].shape == scene.plate.shape == scene.colours.shape == (height, width, 3)
    )
    assert scene.person.shape == (height + 2 * scene.spare, width + 2 * scene.spare, 4)
    assert scene.rest[:468, 0].min() >= 0 and scene.rest[:468, 0].max() < width
    assert scene.rest[:468, 1].min() >= 0 and scene.rest[:468, 1].max() < height


def test_at_rest_the_whole_picture_is_the_photo(astronaut: Identity) -> None:
    still = lay_out_scene(astronaut, (512, 512)).still
    assert np.abs(still.astype(int) - astronaut.preview(512)).mean() < 2


@pytest.mark.slow
def test_the_moving_part_at_rest_continues_the_still_one_without_a_seam(astronaut: Identity) -> None:
    scene = lay_out_scene(astronaut, (1280, 720))
    inner = slice(scene.spare, -scene.spare)
    part = overlay(np.ascontiguousarray(scene.person[inner, inner]), scene.plate)
    assert np.abs(part.astype(int) - scene.still[scene.rows, scene.columns]).max() <= 1


def test_nobody_over_a_background_is_the_background() -> None:
    plate = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(overlay(np.zeros((20, 30, 4), np.uint8), plate), plate)
    person = np.full((20, 30, 4), 255, np.uint8)
    person[..., :3] = (10, 20, 30)
    assert (overlay(person, plate) == (10, 20, 30)).all()


def test_the_persons_edge_is_smooth(astronaut: Identity) -> None:
    scene = lay_out_scene(astronaut, (512, 512))
    alpha = scene.person[..., 3]
    share = ((alpha > 0) & (alpha < 255)).mean()
    assert 0.002 < share < 0.2 and cv2.countNonZero(alpha) > 0.1 * alpha.size


def test_a_picture_wider_than_the_photo_goes_on_smoothly_and_with_nobody_else_in_it(astronaut: Identity) -> None:
    size = (1280, 400)
    scene = lay_out_scene(astronaut, size)
    photo = astronaut.rest.rgb
    window = frame_window(astronaut.rest.landmarks_px, (photo.shape[1], photo.shape[0]), size)
    left = round(-window.left * window.scale)
    assert left > 100, "the picture is wider than the photo"
    beside = scene.still[:, : left - 10].astype(int)
    assert np.abs(np.diff(beside, axis=1)).max() <= 8, "no edges beside the photo"

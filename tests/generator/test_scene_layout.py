"""A person and their background laid out for a picture: at rest together they are the photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.generator.framing import frame_window
from avatar.generator.identity import Identity
from avatar.generator.scene_layout import over_plate, set_stage

SIZES = [(512, 512), (1280, 720), (360, 640), (128, 128)]


@pytest.mark.parametrize("size", SIZES)
def test_the_parts_fit_together(astronaut: Identity, size: tuple[int, int]) -> None:
    stage = set_stage(astronaut, size)
    width, height = stage.size
    assert stage.still.shape == (size[1], size[0], 3)
    assert (
        stage.still[stage.rows, stage.columns].shape == stage.plate.shape == stage.colours.shape == (height, width, 3)
    )
    assert stage.person.shape == (height + 2 * stage.spare, width + 2 * stage.spare, 4)
    assert stage.rest[:468, 0].min() >= 0 and stage.rest[:468, 0].max() < width
    assert stage.rest[:468, 1].min() >= 0 and stage.rest[:468, 1].max() < height


def test_at_rest_the_whole_picture_is_the_photo(astronaut: Identity) -> None:
    still = set_stage(astronaut, (512, 512)).still
    assert np.abs(still.astype(int) - astronaut.preview(512)).mean() < 2


def test_the_moving_part_at_rest_continues_the_still_one_without_a_seam(astronaut: Identity) -> None:
    stage = set_stage(astronaut, (1280, 720))
    inner = slice(stage.spare, -stage.spare)
    part = over_plate(np.ascontiguousarray(stage.person[inner, inner]), stage.plate)
    assert np.abs(part.astype(int) - stage.still[stage.rows, stage.columns]).max() <= 1


def test_nobody_over_a_background_is_the_background() -> None:
    plate = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(over_plate(np.zeros((20, 30, 4), np.uint8), plate), plate)
    person = np.full((20, 30, 4), 255, np.uint8)
    person[..., :3] = (10, 20, 30)
    assert (over_plate(person, plate) == (10, 20, 30)).all()


def test_the_persons_edge_is_smooth(astronaut: Identity) -> None:
    stage = set_stage(astronaut, (512, 512))
    alpha = stage.person[..., 3]
    share = ((alpha > 0) & (alpha < 255)).mean()
    assert 0.002 < share < 0.2 and cv2.countNonZero(alpha) > 0.1 * alpha.size


def test_a_picture_wider_than_the_photo_goes_on_smoothly_and_with_nobody_else_in_it(astronaut: Identity) -> None:
    size = (1280, 400)
    stage = set_stage(astronaut, size)
    photo = astronaut.rest.rgb
    window = frame_window(astronaut.rest.landmarks_px, (photo.shape[1], photo.shape[0]), size)
    left = round(-window.left * window.scale)
    assert left > 100, "the picture is wider than the photo"
    beside = stage.still[:, : left - 10].astype(int)
    assert np.abs(np.diff(beside, axis=1)).max() <= 8, "no edges beside the photo"

"""Layers land where they belong in the picture, at its resolution, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.generator.compositing import head_crop, lay_layers, lay_on_crop
from avatar.generator.engines.engine import FrameLayers
from avatar.generator.framing import Window
from avatar.generator.network_input import INNER
from avatar.types import F32, U8

S = 256
LEFT, TOP, RIGHT, BOTTOM = INNER
FINE = (BOTTOM - TOP, RIGHT - LEFT, 4)


def layers(**changed: F32 | U8) -> FrameLayers:
    nothing = FrameLayers(
        add=np.zeros(FINE, np.uint8),
        keep=np.full(FINE, 255, np.uint8),
        shift=np.zeros((S // 4, S // 4, 2), np.float32),
        tone=np.zeros((S // 8, S // 8, 3), np.float32),
    )
    return nothing._replace(**changed)


@pytest.fixture
def picture() -> U8:
    return np.random.default_rng(0).integers(40, 200, (400, 500, 3), dtype=np.uint8)


SEAM = np.full((S, S, 1), 255, np.uint8)


@pytest.mark.parametrize("window", [Window(1.0, 60, 30), Window(0.7, 20, -40), Window(2.3, 300, 200)])
def test_layers_that_change_nothing_change_nothing(picture: U8, window: Window) -> None:
    before = picture.copy()
    lay_layers(picture, layers(), window, SEAM)
    assert np.array_equal(picture, before)


def test_what_is_drawn_lies_where_the_crop_was_cut(picture: U8) -> None:
    window = Window(0.8, 70, 25)
    add, keep = np.zeros(FINE, np.uint8), np.full(FINE, 255, np.uint8)
    drawn = (slice(96 - TOP, 128 - TOP), slice(64 - LEFT, 128 - LEFT))
    add[drawn], keep[drawn] = (255, 0, 0, 0), 0
    before = picture.copy()
    lay_layers(picture, layers(add=add, keep=keep), window, SEAM)
    red = (picture == (255, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(red)
    assert abs(columns.min() - (70 + 64 / 0.8)) <= 2 and abs(columns.max() - (70 + 128 / 0.8)) <= 2
    assert abs(rows.min() - (25 + 96 / 0.8)) <= 2 and abs(rows.max() - (25 + 128 / 0.8)) <= 2
    far = np.ones_like(red)
    far[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4] = False
    assert np.array_equal(picture[far], before[far])


@pytest.mark.parametrize("size", [(400, 500), (301, 299)])
def test_a_shift_samples_the_picture_further_on(picture: U8, size: tuple[int, int]) -> None:
    shift = np.zeros((S // 4, S // 4, 2), np.float32)
    shift[..., 0] = 4  # crop pixels, five of the picture
    picture = np.asarray(cv2.resize(picture[:16, :20], size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    before = picture.copy()
    lay_layers(picture, layers(shift=shift), Window(0.8, 0, 0), SEAM)
    left, moved = (np.abs(picture[100:200, 100:200].astype(int) - before[100:200, x : x + 100]) for x in (100, 105))
    assert moved.max() <= 4 and moved.mean() < 0.05 * left.mean()


def test_a_shift_between_two_pixels_does_not_blur(picture: U8) -> None:
    before = picture.copy()
    shift = np.full((S // 4, S // 4, 2), 0.32, np.float32)  # 0.4 pixels of the picture
    lay_layers(picture, layers(shift=shift), Window(0.8, 0, 0), SEAM)
    assert not np.array_equal(picture, before)
    energy = [float((cv2.Laplacian(shown[100:200, 100:200], cv2.CV_32F) ** 2).mean()) for shown in (picture, before)]
    assert 0.8 < energy[0] / energy[1] < 1.1, "sampled between pixels a tenth is left"


def test_a_picture_finer_than_the_crop_stays_as_sharp_as_it_is(picture: U8) -> None:
    before = picture.copy()
    lay_layers(picture, layers(shift=np.full((S // 4, S // 4, 2), 0.2, np.float32)), Window(0.5, 0, 0), SEAM)
    assert np.array_equal(picture, before)


def mouth_of_teeth(shown: tuple[int, int]) -> tuple[U8, U8]:
    """Return the left and right half of a mouth in which teeth were drawn; the network shows one grey in each."""
    picture = np.full((400, 400, 3), 200, np.uint8)
    picture[:, ::12] = 60  # gaps between drawn teeth
    mouth = np.zeros((S, S), np.uint8)
    mouth[150:170, 75:165] = 255
    add = np.full(FINE, shown[0], np.uint8)
    add[:, 138 - INNER[0] :] = shown[1]
    lay_layers(picture, layers(add=add, keep=np.zeros(FINE, np.uint8)), Window(1.0, 50, 40), SEAM, mouth)
    around = picture[140:180, 125:185]
    assert (around == shown[0]).all(), "the network's own pixels, where there is no mouth"
    return picture[194:206, 128:180], picture[194:206, 194:212]


@pytest.mark.parametrize("shade", [100, 175])
def test_teeth_part_where_the_drawn_ones_do_in_the_colour_the_network_gives_them(shade: int) -> None:
    inside = mouth_of_teeth(shown=(shade, shade))[0].astype(float)
    assert inside.std() > 0.05 * shade and abs(inside.mean() - shade) < 0.05 * shade
    assert inside.min() < 0.9 * shade and inside.max() < 1.25 * shade


def test_where_the_network_shows_a_lip_among_teeth_no_edge_of_a_tooth_is_seen() -> None:
    teeth, lip = mouth_of_teeth(shown=(180, 80))
    assert teeth.std() > 5
    assert np.abs(lip.astype(int) - 80).max() <= 3


def test_a_dark_mouth_stays_dark() -> None:
    picture = np.full((400, 400, 3), 200, np.uint8)
    picture[:, ::12] = 60
    dark = layers(add=np.full(FINE, 4, np.uint8), keep=np.zeros(FINE, np.uint8))
    lay_layers(picture, dark, Window(1.0, 50, 40), SEAM, np.full((S, S), 255, np.uint8))
    assert picture[130:220, 110:200].max() <= 5


def test_a_tone_lightens_and_stays_within_what_a_picture_can_be(picture: U8) -> None:
    before = picture.copy()
    tone = np.full((S // 8, S // 8, 3), 100, np.float32)
    lay_layers(picture, layers(tone=tone), Window(1.0, 100, 100), SEAM)
    assert np.array_equal(picture[200, 200], np.minimum(before[200, 200].astype(int) + 100, 255))


def test_a_head_beyond_the_picture_is_no_trouble(picture: U8) -> None:
    before = picture.copy()
    for window in (Window(1.0, 5000, 0), Window(1.0, -5000, -5000), Window(1.0, 499.5, 10)):
        lay_layers(picture, layers(add=np.full(FINE, 50, np.uint8)), window, SEAM)
    assert np.array_equal(picture[:, :490], before[:, :490])


def test_a_crop_laid_back_is_the_picture(picture: U8) -> None:
    window = Window(1.0, 90, 60)
    crop = head_crop(picture, window)
    assert np.array_equal(crop, picture[60 : 60 + S, 90 : 90 + S])
    assert np.array_equal(lay_on_crop(crop, layers()), crop)

"""Cutting a person free and filling the hole they leave."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.matte import background_plate, fill, foreground_colours, refine_matte
from avatar.types import U8


def gradient(height: int = 120, width: int = 160) -> U8:
    """A wall lit from one side."""
    across = np.linspace(60, 200, width)[None, :, None]
    return np.broadcast_to(across, (height, width, 3)).astype(np.uint8)


def hole(height: int = 120, width: int = 160) -> np.ndarray:
    known = np.ones((height, width), bool)
    known[30:90, 50:110] = False
    return known


def test_a_hole_in_a_smooth_wall_is_filled_so_that_nobody_sees_it() -> None:
    wall, known = gradient(), hole()
    painted = wall.copy()
    painted[~known] = (255, 0, 0)
    filled = fill(painted, known)
    assert np.array_equal(filled[known], wall[known]), "what is known stays"
    assert np.abs(filled.astype(int) - wall)[~known].mean() < 2
    inside, around = filled[31, 51:109].astype(int), wall[29, 51:109].astype(int)
    assert np.abs(inside - around).max() < 4, "no edge at the border of the hole"


def test_nothing_to_fill_and_nothing_to_fill_from() -> None:
    wall = gradient()
    assert np.array_equal(fill(wall, np.ones(wall.shape[:2], bool)), wall)
    assert (fill(wall, np.zeros(wall.shape[:2], bool)) == 128).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (33, 57)])
def test_pictures_of_any_size_are_filled(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 77, np.uint8)
    known = np.zeros(shape, bool)
    known[0, 0] = True
    assert (fill(picture, known) == 77).all()


def test_one_known_colour_spreads_everywhere() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[10:20, 10:20] = (10, 120, 240)
    known = np.zeros((64, 64), bool)
    known[10:20, 10:20] = True
    assert (np.abs(fill(picture, known).astype(int) - (10, 120, 240)) <= 1).all()


def test_the_plate_shows_the_wall_where_the_person_was_and_the_photo_away_from_them() -> None:
    wall = gradient()
    matte = np.where(hole(), 0, 255).astype(np.uint8)
    photo = wall.copy()
    photo[~hole()] = (200, 30, 30)
    plate = background_plate(photo, matte, margin_px=8)
    assert np.array_equal(plate[:10], photo[:10]) and np.array_equal(plate[:, :30], photo[:, :30])
    assert np.abs(plate[40:80, 60:100].astype(int) - wall[40:80, 60:100]).mean() < 15, "no red is left"


def test_the_persons_edge_carries_no_background() -> None:
    photo = np.full((60, 60, 3), (0, 255, 0), np.uint8)
    photo[20:40, 20:40] = (180, 120, 90)
    matte = np.zeros((60, 60), np.uint8)
    matte[20:40, 20:40] = 255
    colours = foreground_colours(photo, matte)
    assert (np.abs(colours[15:45, 15:45].astype(int) - (180, 120, 90)) <= 3).all()


def test_a_soft_matte_snaps_to_the_edge_of_the_picture() -> None:
    photo = np.full((200, 200, 3), 230, np.uint8)
    photo[:, :100] = 40
    ramp = np.clip((115 - np.arange(200, dtype=np.float32)) / 30, 0, 1)  # soft, and five pixels off
    matte = refine_matte(photo, np.broadcast_to(ramp, (200, 200)).astype(np.float32))
    assert (matte[:, :80] == 255).all() and (matte[:, 125:] == 0).all()
    assert matte[100, 97] - int(matte[100, 103]) > 60, "the step is at the picture's edge"

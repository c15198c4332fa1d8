"""The bend of rims is measured where they are in the picture; the sheet has a row for each kind."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from benchmarks.kinds import CELL, LABEL, MOVES, bend, motion, moved_points, sheet_of


def test_a_shift_a_slant_and_a_stretch_are_no_bend_and_a_dent_is_one() -> None:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rim = np.stack([30 * np.cos(turn), 20 * np.sin(turn)], axis=1).astype(np.float32)
    slanted = rim @ np.array([[0.9, 0.1], [0.05, 1.1]], np.float32) + [5, -3]
    assert bend(rim, slanted.astype(np.float32)) < 1e-3
    dented = slanted.copy()
    dented[5:10, 1] += 4
    assert bend(rim, dented.astype(np.float32)) > 0.5


def test_points_are_followed_where_the_picture_moves_them(astronaut: Identity) -> None:
    generator = GeometryGenerator(astronaut, (256, 256))
    points = generator.rig.rest[[6, 4, 151, 199], :2]
    assert moved_points(generator, motion("rest"), points) == pytest.approx(points, abs=0.6)
    turned = motion("turn left")
    expected = generator.rig.landmarks(turned, generator.rig.pose(turned))[[6, 4, 151, 199], :2]
    assert moved_points(generator, turned, points) == pytest.approx(expected, abs=0.8)


def test_the_sheet_has_a_labelled_row_for_each_kind() -> None:
    cells = [np.full((CELL, CELL, 3), 99, np.uint8)] * (1 + len(MOVES))
    assert sheet_of([("beard", cells), ("mask", cells)]).shape == (LABEL + 2 * (LABEL + CELL), CELL * len(cells), 3)

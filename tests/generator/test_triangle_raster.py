"""Triangles are painted with what their vertices carry, the nearest one seen."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.triangle_raster import PlacedTriangles, TriangleRaster
from avatar.types import F32

SQUARE = np.array([[0, 1, 2], [2, 1, 3]], np.int32)
CORNERS = np.array([[10, 20, 0], [50, 20, 0], [10, 60, 0], [50, 60, 0]], np.float32)
BOX = (0, 0, 70, 80)


def placed(
    corners: F32, values: F32, triangles: np.ndarray = SQUARE, layers: tuple[int, ...] = (0, 0)
) -> PlacedTriangles:
    raster = TriangleRaster(triangles, np.array(layers))
    return raster.place(corners, raster.carried(values))


def test_pixels_take_on_the_values_at_their_centres() -> None:
    values: F32 = (CORNERS[:, :2] * [3, -2] + [700, -40]).astype(np.float32)
    seen = placed(CORNERS, values).paint(BOX)
    rows, columns = np.nonzero(seen[..., 2])
    assert seen.shape == (80, 70, 3) and 40 * 40 <= len(rows) <= 41 * 41
    assert rows.min() in (20, 21) and columns.min() in (10, 11)
    assert seen[rows, columns, 0] == pytest.approx(3 * columns + 700, abs=0.1)
    assert seen[rows, columns, 1] == pytest.approx(-2 * rows - 40, abs=0.1)
    assert (seen[seen[..., 2] == 0] == 0).all()


def test_a_box_shows_the_same_as_the_whole_and_a_step_every_so_many_pixels() -> None:
    values = np.ascontiguousarray(CORNERS[:, :2])
    part = placed(CORNERS, values).paint((20, 30, 41, 48))
    assert part.shape == (18, 21, 3)
    assert part == pytest.approx(placed(CORNERS, values).paint(BOX)[30:48, 20:41], abs=0.01)
    coarse = placed(CORNERS, values).paint((20, 30, 40, 48), step=2)
    assert coarse[4, 3] == pytest.approx([26.5, 38.5, 1], abs=0.01), "between pixels 26 and 27, 38 and 39"


@pytest.mark.parametrize(("depths", "layers", "top"), [
    ((5, 1), (0, 0), 1), ((1, 5), (0, 0), 0), ((1, 5), (0, 1), 1), ((1, 5), (-1, 0), 1), ((5, 1), (1, 1), 1),
])  # fmt: skip
def test_the_nearer_triangle_is_seen_within_a_layer_and_the_upper_layer_over_all(
    depths: tuple[float, float], layers: tuple[int, int], top: int
) -> None:
    corners = np.concatenate([CORNERS[:3], CORNERS[:3]])
    corners[:3, 2], corners[3:, 2] = depths
    values = np.repeat(np.array([[0, 0], [1, 1]], np.float32), 3, axis=0)
    # One of them faces away.
    seen = placed(corners, values, np.array([[0, 1, 2], [5, 4, 3]], np.int32), layers).paint(BOX)
    assert seen[25, 15] == pytest.approx([top, top, 1])

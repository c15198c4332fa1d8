"""The z-buffer rasteriser, on shapes whose picture is known."""

from __future__ import annotations

import numpy as np

from training.head3d.raster import rasterise


def square(left: float, top: float, side: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
    vertices = np.array([(x, y, z) for x, y in corners], np.float32)
    return vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_a_square_covers_its_pixels_once_and_no_others() -> None:
    vertices, triangles = square(10, 20, 30, 1)
    seen = rasterise(vertices, triangles, 64, 64).covered
    expected = np.zeros((64, 64), bool)
    expected[20:50, 10:40] = True
    assert np.array_equal(seen, expected)


def test_the_nearer_surface_hides_the_farther_whatever_the_order() -> None:
    near, triangles = square(8, 8, 16, 5)
    far, _ = square(0, 0, 32, 1)
    for first, second, nearer in ((near, far, (0, 1)), (far, near, (2, 3))):
        vertices = np.concatenate([first, second])
        fragments = rasterise(vertices, np.concatenate([triangles, triangles + 4]), 32, 32)
        assert np.isin(fragments.triangle[8:24, 8:24], nearer).all()
        assert not np.isin(fragments.triangle[:8], nearer).any()


def test_values_run_straight_between_the_corners() -> None:
    vertices, triangles = square(0, 0, 32, 0)
    picked = rasterise(vertices, triangles, 32, 32).interpolate(vertices[:, :2], triangles)
    y, x = np.mgrid[0:32, 0:32] + 0.5
    assert np.allclose(picked[..., 0], x, atol=1e-3)
    assert np.allclose(picked[..., 1], y, atol=1e-3)


def test_what_leaves_the_picture_is_cut_at_its_edge() -> None:
    vertices, triangles = square(-40, -40, 100, 0)
    assert rasterise(vertices, triangles, 24, 16).covered.all()

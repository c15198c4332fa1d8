"""A mesh painted with numbers at its vertices: OpenCV's software rasterizer, as a flat painter of any two values."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.types import F32

NEAR: Final = 1.0
"""Distance at which the nearest vertex is put before the rasterizer's camera."""
DEPTH: Final = 1e-3
"""How much farther the farthest one is. Values are interpolated as seen in perspective: so flat a mesh bends them by
less than a thousandth of a triangle."""
EMPTY: Final = 4.0
"""Distance of what no triangle covers."""
_CAMERA: Final = np.eye(4, dtype=np.float32)


class TriangleRaster:
    """Paints one set of triangles, whose vertices move. The nearest triangle is seen, whichever way it faces."""

    def __init__(self, triangles: NDArray[np.int32], vertices: int, beneath: int = 0, on_top: int = 0) -> None:
        """Take (n, 3) numbers of `vertices` vertices; the first `beneath` lie below all others, the last above them."""
        # Layers have vertices of their own, which differ in depth alone.
        numbers = np.array(triangles, np.int32)
        numbers[:beneath] += vertices
        numbers[len(numbers) - on_top :] += 2 * vertices
        used, self._triangles = np.unique(numbers, return_inverse=True)
        self._triangles = np.ascontiguousarray(self._triangles.reshape(-1, 3), np.int32)
        self._vertices = used % vertices
        self._layer = np.array([0.0, 1.0, -1.0], np.float32)[used // vertices]
        self._settings = cv2.TriangleRasterizeSettings()
        # A settings object made in Python shades nothing unless it is told to.
        self._settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        self._settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        self._settings.setGlCompatibleMode(cv2.RASTERIZE_COMPAT_DISABLED)

    def vertices(self, places: F32, values: F32) -> tuple[F32, F32]:
        """Return what `paint` takes: where the vertices are and their values, each (v, 3), layer by layer.

        Args:
            places: (vertices, 3), pixels; the third says how far away they are.
            values: (vertices, 2).
        """
        corners = places[self._vertices]
        depth = corners[:, 2]
        low = float(depth.min())
        depth = (depth - low) / max(float(depth.max()) - low, 1e-6) + self._layer + 1
        corners[:, 2] = NEAR + (DEPTH / 3) * depth
        painted = np.ones_like(corners)
        painted[:, :2] = values[self._vertices]
        return corners, painted

    def paint(self, corners: F32, painted: F32, box: tuple[int, int, int, int], step: int = 1) -> F32:
        """Return (height, width, 3): both values at each pixel's centre, and 1 where there is a triangle, 0 elsewhere.

        Args:
            corners, painted: from `vertices`.
            box: left, top, right, bottom of what is painted.
            step: pixels of `corners` per pixel of the answer.
        """
        left, top, right, bottom = box
        width, height = -(-(right - left) // step), -(-(bottom - top) // step)
        # The camera sees half the picture's height to either side of its axis at distance 1, y upwards.
        half = height / 2
        at = np.empty_like(corners)
        at[:, 0] = ((corners[:, 0] - left + 0.5) / step - width / 2) * (corners[:, 2] / half)
        at[:, 1] = (half - (corners[:, 1] - top + 0.5) / step) * (corners[:, 2] / half)
        at[:, 2] = -corners[:, 2]
        seen = np.zeros((height, width, 3), np.float32)
        depth = np.full((height, width), EMPTY, np.float32)
        cv2.triangleRasterize(
            at, self._triangles, painted, seen, depth, _CAMERA, np.pi / 2, NEAR / 2, EMPTY, self._settings
        )
        return seen

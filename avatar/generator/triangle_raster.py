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
LAYERS: Final = 5
"""As deep as a layer: three of them and the room between."""
EMPTY: Final = 4.0
"""Distance of what no triangle covers."""
_CAMERA: Final = np.eye(4, dtype=np.float32)


class TriangleRaster:
    """Paints one set of triangles, whose vertices move. The nearest triangle is seen, whichever way it faces."""

    def __init__(self, triangles: NDArray[np.int32], layers: NDArray[np.int32]) -> None:
        """Take (n, 3) vertex numbers and each triangle's layer: -1 lies beneath all others, 1 above them, 0 between."""
        # Layers have vertices of their own, which differ in depth alone.
        pairs = np.stack([triangles, np.broadcast_to(layers[:, None], triangles.shape)], axis=-1).reshape(-1, 2)
        used, numbers = np.unique(pairs, axis=0, return_inverse=True)
        self._triangles = np.ascontiguousarray(numbers.reshape(-1, 3), np.int32)
        self._vertices = used[:, 0]
        self._layer = (2 * (1 - used[:, 1])).astype(np.float32)
        self._settings = cv2.TriangleRasterizeSettings()
        # A settings object made in Python shades nothing unless it is told to.
        self._settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        self._settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        self._settings.setGlCompatibleMode(cv2.RASTERIZE_COMPAT_DISABLED)

    def paint(self, places: F32, values: F32, box: tuple[int, int, int, int], step: int = 1) -> F32:
        """Return (height, width, 3): both values at each pixel's centre, and 1 where there is a triangle, 0 elsewhere.

        Args:
            places: (vertices, 3), pixels; the third says how far away they are.
            values: (vertices, 2).
            box: left, top, right, bottom of what is painted.
            step: pixels of `places` per pixel of the answer.
        """
        left, top, right, bottom = box
        width, height = -(-(right - left) // step), -(-(bottom - top) // step)
        at = places[self._vertices]
        depth = at[:, 2]
        low, high = float(depth.min()), float(depth.max())
        away = NEAR + (DEPTH / LAYERS) * ((depth - low) * np.float32(1 / max(high - low, 1e-6)) + self._layer)
        # The camera sees half the picture's height to either side of its axis at distance 1, y upwards.
        half = height / 2
        to_camera = away * np.float32(1 / (step * half))
        at[:, 0] -= left - 0.5 + step * width / 2
        at[:, 1] -= top - 0.5 + step * half
        at[:, 0] *= to_camera
        at[:, 1] *= -to_camera
        at[:, 2] = -away
        painted = np.ones_like(at)
        painted[:, :2] = values[self._vertices]
        seen = np.zeros((height, width, 3), np.float32)
        depth = np.full((height, width), EMPTY, np.float32)
        cv2.triangleRasterize(
            at, self._triangles, painted, seen, depth, _CAMERA, np.pi / 2, NEAR / 2, EMPTY, self._settings
        )
        return seen

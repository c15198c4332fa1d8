"""A mesh painted with numbers at its vertices: OpenCV's software rasterizer, as a flat painter of any two values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.types import F32

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""

NEAR: Final = 1.0
"""Distance at which the nearest vertex is put before the rasterizer's camera."""
DEPTH: Final = 1e-3
"""How much farther the farthest one is. Values are interpolated as seen in perspective: so flat a mesh bends them by
less than a thousandth of a triangle."""
LAYERS: Final = 5
"""As deep as a layer: three of them and the room between."""
FARTHEST: Final = 4.0
"""Where the camera's sight ends."""


class TriangleRaster:
    """Paints one set of triangles, whose vertices move. The nearest triangle is seen, whichever way it faces."""

    def __init__(self, triangles: NDArray[np.int32], layers: NDArray[np.int32]) -> None:
        """Take (n, 3) vertex numbers and each triangle's layer: -1 lies beneath all others, 1 above them, 0 between."""
        # Layers have vertices of their own, which differ in depth alone.
        pairs = np.stack([triangles, np.broadcast_to(layers[:, None], triangles.shape)], axis=-1).reshape(-1, 2)
        used, numbers = np.unique(pairs, axis=0, return_inverse=True)
        # What lies on top is painted first: what it hides then costs next to nothing.
        self._from_top = np.argsort(-layers, kind="stable")
        self._triangles = np.ascontiguousarray(numbers.reshape(-1, 3)[self._from_top], np.int32)
        self._vertices = used[:, 0]
        self._beneath = used[:, 1] < 0
        self._layer = (NEAR + 2 * DEPTH / LAYERS * (1 - used[:, 1])).astype(np.float32)

    def chosen(self, some: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return a choice of the triangles, (n,) bool, as `PlacedTriangles.paint` takes it."""
        return self._triangles[some[self._from_top]]

    def carried(self, values: F32, beneath: F32 | None = None) -> F32:
        """Return (vertices, 2) values as `place` takes them; triangles beneath all others may have their own."""
        carried = np.ones((len(self._vertices), 3), np.float32)
        carried[:, :2] = values[self._vertices]
        if beneath is not None:
            carried[self._beneath, :2] = beneath[self._vertices[self._beneath]]
        return carried

    def place(self, places: F32, carried: F32) -> PlacedTriangles:
        """Return the triangles where one picture shows them.

        Args:
            places: (vertices, 3), pixels; the third says how far away they are.
            carried: the `carried` values of the vertices, painted between them.
        """
        at = places[self._vertices]
        depth = at[:, 2]
        low, high = float(depth.min()), float(depth.max())
        away = (depth - np.float32(low)) * np.float32(DEPTH / LAYERS / max(high - low, 1e-6)) + self._layer
        at[:, :2] *= away[:, None]
        at[:, 2] = -away
        return PlacedTriangles(self._triangles, at, carried)


@dataclass(frozen=True, slots=True)
class PlacedTriangles:
    """One set of triangles, ready to be painted at any resolution."""

    triangles: NDArray[np.int32]
    """(n, 3), numbers of `at`, those of the top layer first."""
    at: F32
    """(m, 3), what the rasterizer's camera sees: pixels times distance, and the distance, which counts down."""
    values: F32
    """(m, 3): both values and a 1."""

    def paint(self, box: Box, step: int = 1, triangles: NDArray[np.int32] | None = None) -> F32:
        """Return (height, width, 3): both values at each pixel's centre, and 1 where there is a triangle, 0 elsewhere.

        Args:
            box: what is painted, pixels of the places.
            step: so many of them per pixel of the answer.
            triangles: `TriangleRaster.chosen`, all of them unless told otherwise.
        """
        left, top, right, bottom = box
        width, height = -(-(right - left) // step), -(-(bottom - top) // step)
        # The camera sees half the picture's height to either side of its axis at distance 1, y upwards.
        scale = 2 / (step * height)
        camera = np.zeros((3, 4))
        camera[0] = scale, 0, scale * (left - 0.5 + step * width / 2), 0
        camera[1] = 0, -scale, -scale * (top - 0.5 + step * height / 2), 0
        camera[2, 2] = 1
        seen = np.zeros((height, width, 3), np.float32)
        chosen = self.triangles if triangles is None else triangles
        cv2.triangleRasterizeColor(
            self.at, chosen, self.values, seen, camera, np.pi / 2, NEAR / 2, FARTHEST, _settings()
        )
        return seen


def _settings() -> cv2.TriangleRasterizeSettings:
    """Return how triangles are painted."""
    settings = cv2.TriangleRasterizeSettings()
    # A settings object made in Python shades nothing unless it is told to.
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    return settings

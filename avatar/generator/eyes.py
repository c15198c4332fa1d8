"""Eyeballs behind the lids: lids slide over them instead of squeezing them, and the iris moves by itself."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.types import F32

SHUT_PX: Final = 1.5
"""Lids nearer than this show no eyeball: what is painted between them would be their border."""
IRIS_REACH: Final = 1.7
"""Radius, in iris radii, within which the eyeball's picture moves with the iris."""


class Eyeball:
    """One eye of the resting face."""

    def __init__(
        self,
        rest_landmarks: F32,
        opening: tuple[int, ...],
        corners: tuple[int, int],
        lids: tuple[tuple[int, ...], tuple[int, ...]],
        iris: tuple[int, ...],
    ) -> None:
        """Take (478, 3) rest landmarks in picture pixels and the eye's landmark numbers."""
        rest = rest_landmarks[:, :2]
        self._opening, self._corners, self._lids, self._iris = list(opening), corners, lids, iris
        self._rest_start, self._rest_axis = _frame(rest, corners)
        self._rest_iris = rest[iris[0]]
        self._radius = float(np.linalg.norm(rest[list(iris[1:])] - self._rest_iris, axis=1).mean())
        self._rest_gap = self._gap(rest)

    def write(self, map_x: F32, map_y: F32, landmarks: F32) -> None:
        """Overwrite the backward maps inside the eye's opening with the eyeball's own.

        Args:
            map_x, map_y: (height, width) maps of the whole picture, changed in place.
            landmarks: (478, 3) moved landmarks in picture pixels.
        """
        points = landmarks[:, :2]
        if self._gap(points) < SHUT_PX:
            return
        outline = points[self._opening]
        # Half a pixel smaller: polygons are painted with their border, and closed lids must show no eyeball.
        outline = outline + _towards_middle(points, self._opening) * 0.75
        height, width = map_x.shape
        left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (width, height))
        if right - left < 2 or bottom - top < 2:
            return
        inside = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(inside, [np.rint((outline - (left, top)) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        rows, columns = np.nonzero(inside)
        at = np.stack([columns + left, rows + top], axis=1).astype(np.float32)

        start, axis = _frame(points, self._corners)
        # Complex numbers turn and scale from the moved eye's frame to the resting one.
        turn = complex(*self._rest_axis) / complex(*axis)
        place = (at[:, 0] - start[0] + 1j * (at[:, 1] - start[1])) * turn
        wider = max(1.0, self._gap(points) * abs(turn) / max(self._rest_gap, 1e-3))
        rest_angle = complex(*self._rest_axis) / abs(complex(*self._rest_axis))
        along = place / rest_angle
        place = (along.real + 1j * along.imag / wider) * rest_angle
        iris = (complex(*(points[self._iris[0]] - start)) * turn) - complex(*(self._rest_iris - self._rest_start))
        distance = np.abs(place - iris - complex(*(self._rest_iris - self._rest_start))) / self._radius
        place = place - iris * np.exp(-((distance / IRIS_REACH) ** 4))

        map_x[rows + top, columns + left] = (place.real + self._rest_start[0]).astype(np.float32)
        map_y[rows + top, columns + left] = (place.imag + self._rest_start[1]).astype(np.float32)

    def _gap(self, points: F32) -> float:
        """Return the mean distance between the lids in pixels."""
        upper, lower = self._lids
        return float(np.linalg.norm(points[list(upper)] - points[list(lower)], axis=1).mean())


def both_eyes(rest_landmarks: F32) -> tuple[Eyeball, Eyeball]:
    """Return the right and the left eye of a resting face."""
    return (
        Eyeball(
            rest_landmarks,
            mesh.RIGHT_EYE_OPENING,
            mesh.RIGHT_EYE_CORNERS,
            (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID),
            mesh.RIGHT_IRIS,
        ),
        Eyeball(
            rest_landmarks,
            mesh.LEFT_EYE_OPENING,
            mesh.LEFT_EYE_CORNERS,
            (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID),
            mesh.LEFT_IRIS,
        ),
    )


def _towards_middle(points: F32, opening: list[int]) -> F32:
    """Return unit vectors (n, 2) from each point of an opening to its partner on the other lid; 0 where they meet."""
    outline = points[opening]
    # The opening runs along one lid and back along the other, so partners mirror each other; corners have none.
    partner = np.concatenate([outline[:1], outline[:0:-1]])
    across = partner - outline
    return np.asarray(across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1.0), np.float32)


def _frame(points: F32, corners: tuple[int, int]) -> tuple[F32, F32]:
    """Return the middle between the corners and the vector from one to the other."""
    start, end = points[corners[0]], points[corners[1]]
    return (start + end) / 2, end - start

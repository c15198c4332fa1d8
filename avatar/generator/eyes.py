"""Eyeballs behind the lids: lids slide over them instead of squeezing them, and the iris moves by itself."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.types import F32

C64 = NDArray[np.complex64]

SHUT_PX: Final = 1.5
"""Lids nearer than this show no eyeball: what is painted between them would be their border."""
IRIS_REACH: Final = 1.7
"""Radius, in iris radii, within which the eyeball's picture moves with the iris."""


class Eyeball:
    """One eye of the resting face. Points are complex numbers, x + iy: multiplied they are turned and scaled."""

    def __init__(self, rest_landmarks: F32, opening: tuple[int, ...], iris: tuple[int, ...]) -> None:
        """Take (478, 3) rest landmarks in picture pixels and the eye's landmark numbers.

        The opening begins at a corner, runs along one lid, and back from the other corner along the other.
        """
        self._numbers = np.array([*opening, iris[0]])
        rest = self._points(rest_landmarks)
        self._rest_start, self._rest_axis = _frame(rest)
        self._rest_iris = complex(rest[-1])
        ring = rest_landmarks[list(iris[1:]), :2] - rest_landmarks[iris[0], :2]
        self._radius = float(np.linalg.norm(ring, axis=1).mean())
        self._rest_gap = _gap(np.abs(_across(rest[:-1])))

    def write(self, places: F32, landmarks: F32) -> None:
        """Overwrite a backward map inside the eye's opening with the eyeball's own.

        Args:
            places: (height, width, 2), the map (x, y) of a picture, changed in place.
            landmarks: (478, 3) moved landmarks in the picture's pixels.
        """
        points = self._points(landmarks)
        across = _across(points[:-1])
        apart = np.abs(across)
        gap = _gap(apart)
        if not gap >= SHUT_PX:
            return
        # Half a pixel smaller: polygons are painted with their border, and closed lids must show no eyeball.
        outline = (points[:-1] + across / np.maximum(apart, 1) * np.float32(0.75)).view(np.float32).reshape(-1, 2)
        x, y, width, height = cv2.boundingRect(outline)
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width + 1, places.shape[1]), min(y + height + 1, places.shape[0])
        if right - left < 2 or bottom - top < 2:
            return
        inside = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(inside, [np.rint((outline - (left, top)) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)

        start, axis = _frame(points)
        turn = self._rest_axis / axis
        wider = max(1.0, gap * abs(turn) / max(self._rest_gap, 1e-3))
        upright = self._rest_axis / abs(self._rest_axis)

        def to_rest(way: complex) -> complex:
            """Return what a way in the picture is at rest; between the lids a wider eye shows no more of its ball."""
            along = way * turn / upright
            return complex(along.real, along.imag / wider) * upright

        seen = (complex(points[-1]) - start) * turn
        iris = seen - (self._rest_iris - self._rest_start)
        columns = np.arange(left, right, dtype=np.float32) - np.float32(start.real)
        rows = np.arange(top, bottom, dtype=np.float32) - np.float32(start.imag)
        from_iris = columns * to_rest(1) + (rows * to_rest(1j) - seen)[:, None]
        # The eyeball's picture moves with the iris near it, and less and less away from it.
        x_and_y = np.square(from_iris.view(np.float32))
        near = np.square(x_and_y[:, ::2] + x_and_y[:, 1::2])
        near = np.exp(near * np.float32(-((IRIS_REACH * self._radius) ** -4)))
        from_iris += seen + self._rest_start
        from_iris -= near * iris
        np.copyto(places[top:bottom, left:right].view(np.complex64)[..., 0], from_iris, where=inside.view(np.bool_))

    def _points(self, landmarks: F32) -> C64:
        """Return (17,): the opening's outline and the iris of (478, 3) landmarks."""
        return np.asarray(landmarks[self._numbers, :2], np.float32, order="C").view(np.complex64)[:, 0]


def both_eyes(rest_landmarks: F32) -> tuple[Eyeball, Eyeball]:
    """Return the right and the left eye of a resting face."""
    return (
        Eyeball(rest_landmarks, mesh.RIGHT_EYE_OPENING, mesh.RIGHT_IRIS),
        Eyeball(rest_landmarks, mesh.LEFT_EYE_OPENING, mesh.LEFT_IRIS),
    )


def _across(outline: C64) -> C64:
    """Return the way (n,) from each point of an opening to its partner on the other lid; 0 at the corners."""
    return np.concatenate([outline[:1], outline[:0:-1]]) - outline


def _gap(apart: F32) -> float:
    """Return the mean distance between the lids in pixels, of all partners' (n,)."""
    return float(apart[1 : len(apart) // 2].mean())


def _frame(points: C64) -> tuple[complex, complex]:
    """Return the middle between an eye's corners and the vector from one to the other, of `Eyeball._points`."""
    start, end = complex(points[0]), complex(points[len(points) // 2])
    return (start + end) / 2, end - start

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
        self._opening, self._corners, self._iris = list(opening), corners, iris
        self._lids = np.array(lids)
        self._rest_start, self._rest_axis = _frame(rest, corners)
        self._rest_iris = complex(*rest[iris[0]].tolist())
        self._radius = float(np.linalg.norm(rest[list(iris[1:])] - rest[iris[0]], axis=1).mean())
        self._rest_gap = self._gap(rest)

    def write(self, places: F32, landmarks: F32) -> None:
        """Overwrite a backward map inside the eye's opening with the eyeball's own.

        Args:
            places: (height, width, 2), the map (x, y) of a picture, changed in place.
            landmarks: (478, 3) moved landmarks in the picture's pixels.
        """
        points = landmarks[:, :2]
        gap = self._gap(points)
        if gap < SHUT_PX:
            return
        outline = points[self._opening]
        # Half a pixel smaller: polygons are painted with their border, and closed lids must show no eyeball.
        outline = outline + _towards_middle(outline) * 0.75
        height, width = places.shape[:2]
        left, top = np.clip(np.floor(outline.min(axis=0)), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(outline.max(axis=0)) + 1, 0, (width, height)).astype(int).tolist()
        if right - left < 2 or bottom - top < 2:
            return
        inside = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(inside, [np.rint((outline - (left, top)) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)

        # Complex numbers turn and scale from the moved eye's frame to the resting one, whose x axis runs from corner to
        # corner.
        start, axis = _frame(points, self._corners)
        length = abs(axis)
        turn = abs(self._rest_axis) / length
        wider = max(1.0, gap * turn / max(self._rest_gap, 1e-3))
        to_frame = turn * axis.conjugate() / length
        x = np.arange(left, right, dtype=np.float32) - np.float32(start.real)
        y = (np.arange(top, bottom, dtype=np.float32) - np.float32(start.imag))[:, None]
        along = x * np.float32(to_frame.real) - y * np.float32(to_frame.imag)
        across = (x * np.float32(to_frame.imag) + y * np.float32(to_frame.real)) * np.float32(1 / wider)
        to_rest = self._rest_axis / abs(self._rest_axis)
        rest_iris = (self._rest_iris - self._rest_start) / to_rest
        now = complex(*points[self._iris[0]].tolist()) - start
        seen = now * to_frame
        iris = seen - rest_iris
        # The eyeball's picture moves with the iris near it, and less and less away from it.
        reach = np.float32(1 / (IRIS_REACH * self._radius) ** 2)
        near = ((along - np.float32(seen.real)) ** 2 + (across - np.float32(seen.imag)) ** 2) * reach
        near = np.exp(-(near * near))
        along -= near * np.float32(iris.real)
        across -= near * np.float32(iris.imag)

        view, mask = places[top:bottom, left:right], inside.view(np.bool_)
        turned_x = along * np.float32(to_rest.real) - across * np.float32(to_rest.imag)
        turned_y = along * np.float32(to_rest.imag) + across * np.float32(to_rest.real)
        np.copyto(view[..., 0], turned_x + np.float32(self._rest_start.real), where=mask)
        np.copyto(view[..., 1], turned_y + np.float32(self._rest_start.imag), where=mask)

    def _gap(self, points: F32) -> float:
        """Return the mean distance between the lids in pixels."""
        upper, lower = points[self._lids]
        return float(np.hypot(*(upper - lower).T).mean())


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


def _towards_middle(outline: F32) -> F32:
    """Return unit vectors (n, 2) from each point of an opening to its partner on the other lid; 0 where they meet."""
    # The opening runs along one lid and back along the other, so partners mirror each other; corners have none.
    partner = np.concatenate([outline[:1], outline[:0:-1]])
    across = partner - outline
    return np.asarray(across / np.maximum(np.hypot(across[:, :1], across[:, 1:]), 1.0), np.float32)


def _frame(points: F32, corners: tuple[int, int]) -> tuple[complex, complex]:
    """Return the middle between the corners and the vector from one to the other."""
    start, end = (complex(*points[corner].tolist()) for corner in corners)
    return (start + end) / 2, end - start

"""A strip of lashes along each upper lid that keeps its width, so that a closing lid stretches skin and not lashes.

The mesh has one row of triangles between the lid's edge and its crease. Closing eyes pull that row several times as
long; with the lashes in it they would smear over the whole lid. Here each row is split along a line of added vertices.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.types import F32

LASH_SHARE: Final = 0.7
"""Width of the strip as a share of the resting distance between the lid's edge and its crease."""
_EYES: Final = (
    (mesh.RIGHT_EYE_CORNERS, mesh.RIGHT_UPPER_LID, mesh.RIGHT_LID_CREASE),
    (mesh.LEFT_EYE_CORNERS, mesh.LEFT_UPPER_LID, mesh.LEFT_LID_CREASE),
)


class LashStrips:
    """The added vertices of one resting face: numbers 478 and up."""

    def __init__(self, rest_landmarks: F32) -> None:
        """Take the (478, 3) resting landmarks in pixels."""
        self._axes = [complex(*_axis(rest_landmarks, corners)) for corners, _, _ in _EYES]
        self._offsets = [
            LASH_SHARE * (rest_landmarks[list(crease)] - rest_landmarks[list(edge)]) for _, edge, crease in _EYES
        ]

    def add(self, landmarks: F32) -> F32:
        """Return (492, 3): landmarks and the strips' upper vertices, which keep their distance from the lids' edges."""
        parts = [landmarks]
        for (corners, edge, _), axis, offset in zip(_EYES, self._axes, self._offsets, strict=True):
            turn = complex(*_axis(landmarks, corners)) / axis
            turned = (offset[:, 0] + 1j * offset[:, 1]) * turn
            moved = np.stack([turned.real, turned.imag, offset[:, 2]], axis=1)
            parts.append((landmarks[list(edge)] + moved).astype(np.float32))
        return np.concatenate(parts)

    @staticmethod
    def triangles() -> np.ndarray:
        """Return the (n, 3) triangles of lashes and lid skin, to be painted over the mesh's own."""
        triangles = []
        for number, (corners, edge, crease) in enumerate(_EYES):
            first = mesh.VERTICES + number * len(edge)
            added = tuple(range(first, first + len(edge)))
            start, end = corners
            lines = ((start, *edge, end), (start, *added, end), (start, *crease, end))
            for lower, upper in pairwise(lines):
                for i in range(len(lower) - 1):
                    triangles += [(lower[i], lower[i + 1], upper[i]), (lower[i + 1], upper[i + 1], upper[i])]
        return np.array([triangle for triangle in triangles if len(set(triangle)) == 3], np.int32)


def _axis(landmarks: F32, corners: tuple[int, int]) -> F32:
    """Return the vector between an eye's corners."""
    return np.asarray(landmarks[corners[1], :2] - landmarks[corners[0], :2], np.float32)

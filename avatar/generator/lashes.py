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
        self._axes = [_axis(rest_landmarks, corners) for corners, _, _ in _EYES]
        self._edges = np.concatenate([edge for _, edge, _ in _EYES])
        creases = np.concatenate([crease for _, _, crease in _EYES])
        self._offsets = (LASH_SHARE * (rest_landmarks[creases] - rest_landmarks[self._edges])).astype(np.float32)
        self._across = self._offsets[:, 0] + np.complex64(1j) * self._offsets[:, 1]

    def add(self, landmarks: F32) -> F32:
        """Return (492, 3): landmarks and the strips' upper vertices, which keep their distance from the lids' edges."""
        turns = [_axis(landmarks, corners) / axis for (corners, _, _), axis in zip(_EYES, self._axes, strict=True)]
        turned = self._across * np.repeat(np.array(turns, np.complex64), len(self._edges) // len(turns))
        added = landmarks[self._edges]
        added[:, 0] += turned.real
        added[:, 1] += turned.imag
        added[:, 2] += self._offsets[:, 2]
        return np.concatenate([landmarks, added], dtype=np.float32)

    def add_resting(self, places: F32) -> F32:
        """Return (492, 2): the strips' upper vertices added to where landmarks are looked up in the photo (478, 2)."""
        return np.concatenate([places, places[self._edges] + self._offsets[:, :2]])

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

    @staticmethod
    def covered() -> set[int]:
        """Return the landmarks of the mesh between whose triangles the strips lie."""
        return {number for row in _EYES for line in row for number in line}


def _axis(landmarks: F32, corners: tuple[int, int]) -> complex:
    """Return the vector between an eye's corners, x + iy."""
    return complex(*(landmarks[corners[1], :2] - landmarks[corners[0], :2]).tolist())

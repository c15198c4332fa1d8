"""Which part of a picture a motion changes: only that is drawn anew, and the rest is the picture at rest."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.generator.sampling import sample_nodes
from avatar.generator.shell import STEP_PX
from avatar.types import F32, U8

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""

BAND: Final = 24
"""Rows of nodes in a band."""
STILL_PX: Final = 0.05
"""What is shifted by less is drawn where it was."""


class MovingNodes:
    """Finds what moves of a person, in nodes of the shell's field."""

    def __init__(self, matte: U8, spare: int) -> None:
        """Take the resting person's matte, 0 where nothing is seen, and by how much it is larger on each side."""
        margin = -(-spare // STEP_PX)
        added = margin * STEP_PX - spare
        below, right = (-(size + added) % STEP_PX for size in matte.shape)
        whole = np.pad(matte, ((added, below), (added, right)))
        rows, columns = whole.shape[0] // STEP_PX, whole.shape[1] // STEP_PX
        seen = np.asarray(whole.reshape(rows, STEP_PX, columns, STEP_PX).max(axis=(1, 3)), np.uint8)
        # Interpolation reaches into the next node.
        self._seen = np.asarray(cv2.dilate(seen, np.ones((3, 3), np.uint8)), np.uint8)
        self._seen_at_rest = self._seen[margin:, margin:]
        x, y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
        self._places = np.dstack(np.meshgrid(x + margin, y + margin))

    def moving(self, field: F32) -> NDArray[np.bool_]:
        """Return at which nodes, (rows, columns) bool, anything of the person moves away or to.

        `field` is (rows, columns, 2), from `HeadShell.displacements`.
        """
        rows, columns = field.shape[:2]
        at = field * np.float32(1 / STEP_PX) + self._places[:rows, :columns]
        now = sample_nodes(self._seen, at, flags=cv2.INTER_NEAREST)
        still = cv2.inRange(field, (-STILL_PX, -STILL_PX), (STILL_PX, STILL_PX))
        return np.asarray((now | self._seen_at_rest[:rows, :columns]) > still)


def bands(moves: NDArray[np.bool_], face: Box) -> list[tuple[slice, slice]]:
    """Return the (rows, columns) of bands of nodes that hold all that moves, each as wide as what moves there.

    The first one holds the whole `face`. A head is narrower than shoulders: together bands hold much less than a box.
    """
    rows, columns = moves.shape
    left, top, right, bottom = face
    middle = _nodes(top, bottom, rows)
    held = _columns(moves, middle)
    beside = _nodes(left, right, columns)
    held[beside] = True
    found = [(middle, _span(held))]
    for start, stop in ((0, middle.start), (middle.stop, rows)):
        for first in range(start, stop, BAND):
            band = slice(first, min(first + BAND, stop))
            near = _columns(moves, band)
            if near.any():
                found.append((band, _span(near)))
    return found


def _columns(moves: NDArray[np.bool_], rows: slice) -> NDArray[np.bool_]:
    """Return in which columns anything moves in some rows or next to them, where it moves what lies between."""
    return np.asarray(np.logical_or.reduce(moves[max(rows.start - 1, 0) : rows.stop + 1], axis=0))


def _nodes(low: float, high: float, count: int) -> slice:
    """Return the nodes from one place to another on a side with so many, at least one."""
    first, last = (int(min(max(0.0, place / STEP_PX), count - 1)) for place in (low, high))
    return slice(first, last + 1)


def _span(held: NDArray[np.bool_]) -> slice:
    """Return the nodes of one side from the first that is held to the last."""
    return slice(int(held.argmax()), len(held) - int(held[::-1].argmax()))

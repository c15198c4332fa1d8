"""Which part of a picture a motion changes: only that is drawn anew, and the rest is the picture at rest."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.generator.shell import STEP_PX
from avatar.types import F32, U8

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""

BAND: Final = 10
"""Rows of nodes in a band."""
STILL_PX: Final = 0.05
"""What is shifted by less is drawn where it was."""


class MovingBox:
    """Finds the box around all that moves, in nodes of the shell's field."""

    def __init__(self, matte: U8, spare: int) -> None:
        """Take the resting person's matte, 0 where nothing is seen, and by how much it is larger on each side."""
        self._margin = -(-spare // STEP_PX)
        added = self._margin * STEP_PX - spare
        below, right = (-(size + added) % STEP_PX for size in matte.shape)
        whole = np.pad(matte, ((added, below), (added, right)))
        rows, columns = whole.shape[0] // STEP_PX, whole.shape[1] // STEP_PX
        seen = whole.reshape(rows, STEP_PX, columns, STEP_PX).any(axis=(1, 3)).astype(np.uint8)
        # Interpolation reaches into the next node, and a field that is bent between nodes a little further.
        self._seen = np.asarray(cv2.dilate(seen, np.ones((5, 5), np.uint8)), np.uint8)

    def moving(self, field: F32) -> np.ndarray:
        """Return at which nodes, (rows, columns) bool, anything of the person moves away or to.

        `field` is (rows, columns, 2), from `HeadShell.displacements`.
        """
        rows, columns = field.shape[:2]
        x, y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)[:, None]
        at = field * np.float32(1 / STEP_PX)
        at[..., 0] += x + self._margin
        at[..., 1] += y + self._margin
        now = cv2.remap(self._seen, at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        before = self._seen[self._margin : self._margin + rows, self._margin : self._margin + columns]
        shift = np.abs(field)
        return np.asarray(((shift[..., 0] > STILL_PX) | (shift[..., 1] > STILL_PX)) & ((now | before) > 0))


def box_around(moves: np.ndarray, *boxes: Box) -> tuple[slice, slice]:
    """Return the (rows, columns) around all nodes that move and all `boxes`, in nodes, at least one."""
    return (
        _span(moves.any(axis=1), [(top, bottom) for _, top, _, bottom in boxes]),
        _span(moves.any(axis=0), [(left, right) for left, _, right, _ in boxes]),
    )


def bands(moves: np.ndarray, box: tuple[slice, slice], *boxes: Box) -> list[tuple[slice, slice]]:
    """Return the (rows, columns) of parts of a box of nodes, each as wide as what moves there.

    A head is narrower than shoulders: together they hold much less than the box.
    """
    found = []
    for start in range(box[0].start, box[0].stop, BAND):
        rows = slice(start, min(start + BAND, box[0].stop))
        # A node beyond the band moves what lies between.
        near = moves[max(rows.start - 1, 0) : rows.stop + 1].any(axis=0)
        met = [(x[0], x[2]) for x in boxes if x[1] < rows.stop * STEP_PX and x[3] >= rows.start * STEP_PX]
        if met or near.any():
            found.append((rows, _span(near, met)))
    return found


def _span(moves: np.ndarray, wanted: list[tuple[float, float]]) -> slice:
    """Return the nodes of one side from the first that moves or is wanted to the last, at least one."""
    found = np.flatnonzero(moves)
    lows = [int(low) // STEP_PX for low, _ in wanted] + ([int(found[0]) - 1] if len(found) else [])
    highs = [int(high) // STEP_PX + 1 for _, high in wanted] + ([int(found[-1]) + 2] if len(found) else [])
    start = min(max(min(lows, default=0), 0), len(moves) - 1)
    return slice(start, max(min(max(highs, default=0), len(moves)), start + 1))

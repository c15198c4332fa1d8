"""What goes on beyond a photo's edges: a head that moves brings in what the photo cuts off.

Hair, shoulders and clothes go on as they are seen in a mirror at the edge, as far as there is nothing of the face in
it. To repeat the last pixels would draw them out to stripes. A head and shoulders that are cut off are rounded off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.types import F32, U8

MIRRORED: Final = 0.8
"""Share of what lies between the face and an edge that is seen in the mirror there, there and back again."""
HAIRLINE, CROWN = 0.25, 0.55
"""How far above the face's landmarks hair begins and a head ends, in outer eye corner distances."""
FLATTEST: Final = 0.3
"""A head that is cut off goes on by so much of half of its width at the edge, at least."""
SHOULDER, ABOVE = 1.0, 0.15
"""How far a shoulder goes on that is cut off, and what reaches the photo's side above it, in the same unit."""
PERSON: Final = 127
"""A matte above this (of 255) is the person."""
ROUNDED_PX: Final = 3.0
"""Over which the rounded edge fades."""

Columns: TypeAlias = tuple[int, int]
"""The first and the one after the last."""


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """Where in a picture a photo lies, and the face in it; pixels."""

    left: int
    top: int
    right: int
    bottom: int
    """The photo's first and last columns and rows, as far as they lie in it whole."""
    face: F32
    """(478, 3), landmarks."""

    @property
    def _unit(self) -> float:
        """Outer eye corner distance."""
        right, left = mesh.OUTER_EYE_CORNERS
        return float(np.linalg.norm(self.face[left, :2] - self.face[right, :2]))

    def continued(self, picture: U8) -> U8:
        """Return a picture (height, width) or (height, width, 3) as it goes on beyond the photo that lies in it."""
        height, width = picture.shape[:2]
        low, high = self.face[:, :2].min(axis=0), self.face[:, :2].max(axis=0)
        above = low[1] - HAIRLINE * self._unit - self.top  # a forehead in the mirror is a bald head
        rows = _mirrored(height, self.top, self.bottom, above, self.bottom - high[1])
        columns = _mirrored(width, self.left, self.right, low[0] - self.left, self.right - high[0])
        return np.ascontiguousarray(picture[rows[:, None], columns])

    def rounded(self, matte: U8) -> U8:
        """Return a matte (height, width), continued, whose head and shoulders end where the photo cuts them off."""
        matte = self._with_crown(matte)
        if self.left > 0:
            self._end_shoulder(matte[:, self.left :: -1])
        if self.right < matte.shape[1] - 1:
            self._end_shoulder(matte[:, self.right :])
        return matte

    def _end_shoulder(self, side: U8) -> None:
        """Round a shoulder off, in place: `side` is the matte from the photo's first or last column on outwards."""
        away = np.arange(1, side.shape[1], dtype=np.float32)
        clear = np.flatnonzero(side[: self.bottom + 1, 0] <= PERSON)
        first = max(int(clear[-1]) + 1 if len(clear) else 0, round(float(self.face[mesh.CHIN, 1])))
        height = max(self.bottom + 1 - first, 1)
        reach = max(min(float(height), SHOULDER * self._unit), 1.0)
        share = away / reach
        edge = first + height * (1 - np.sqrt(np.maximum(1 - share**2, 0)))
        rows = np.arange(side.shape[0], dtype=np.float32)[:, None]
        inside = np.clip((rows - edge) / ROUNDED_PX, 0, 1) * (share < 1)
        # What reaches the edge above the chin, hair say, does not go on.
        above = np.clip(1 - away / (ABOVE * self._unit), 0, 1) * (rows < first)
        side[:, 1:] = np.rint(side[:, 1:] * np.maximum(inside, above)).astype(np.uint8)

    def _with_crown(self, matte: U8) -> U8:
        """Return a copy of a matte whose head is rounded off above the photo's first row."""
        row = matte[max(self.top, 0)] > PERSON
        row[: max(self.left, 0)] = row[self.right + 1 :] = False
        cut = _run_at(row, round(float(self.face[mesh.FOREHEAD, 0])))
        matte = matte.copy()
        if self.top <= 0 or cut is None:
            return matte
        first, end = cut
        half = (end - first) / 2
        crown = float(self.face[mesh.FOREHEAD, 1]) - CROWN * self._unit
        rise = max(self.top - crown, FLATTEST * half)
        up = (self.top - np.arange(self.top, dtype=np.float32))[:, None] / rise
        aside = (np.arange(matte.shape[1], dtype=np.float32) - (first + end - 1) / 2)[None] / half
        inside = np.clip((1 - np.sqrt(up**2 + aside**2)) * max(rise, half) / ROUNDED_PX, 0, 1)
        matte[: self.top] = np.rint(matte[: self.top] * inside).astype(np.uint8)
        return matte


def _mirrored(count: int, first: int, last: int, before: float, after: float) -> NDArray[np.intp]:
    """Return which of `first` to `last` is shown at each of `count` places; beyond them as in mirrors.

    `before` and `after` say how far the face is from either end.
    """
    at = np.arange(count)
    at = np.where(at < first, first + _there_and_back(first - at, before), at)
    at = np.where(at > last, last - _there_and_back(at - last, after), at)
    return np.clip(at, max(first, 0), min(last, count - 1))


def _there_and_back(away: NDArray[np.intp], room: float) -> NDArray[np.intp]:
    """Return how far inside an edge is shown what lies `away` outside of it: up to a share of the `room`, and back."""
    turn = max(int(MIRRORED * room), 1)
    return np.asarray(turn - np.abs(away % (2 * turn) - turn))


def _run_at(set_: NDArray[np.bool_], place: int) -> Columns | None:
    """Return the stretch of a row that is set at a place, or None where it is not."""
    if not 0 <= place < len(set_) or not set_[place]:
        return None
    gaps = np.flatnonzero(~set_)
    before, after = gaps[gaps < place], gaps[gaps > place]
    return (int(before[-1]) + 1 if len(before) else 0), (int(after[0]) if len(after) else len(set_))

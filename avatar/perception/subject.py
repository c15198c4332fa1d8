"""Choice of the subject among several faces: the largest, most central one, which is then kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from avatar.perception.rotated_rect import extent
from avatar.types import F32

TAKEOVER_RATIO: Final = 1.5
"""Another face must score this many times the subject's own..."""
TAKEOVER_S: Final = 0.8
"""...for this long before it becomes the subject."""
REACH: Final = 1.0
"""Face widths the subject may move between two sightings and still be the same face."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """Where a face is, in pixels."""

    centre: tuple[float, float]
    width: float
    """Mean of width and height: turning the head does not shrink it much."""

    @staticmethod
    def around(landmarks_px: F32) -> FaceBox:
        """Return the box around landmarks (n, 3)."""
        left, top, right, bottom = extent(landmarks_px)
        return FaceBox(((left + right) / 2, (top + bottom) / 2), (right - left + bottom - top) / 2)

    def moved(self, x: float, y: float) -> FaceBox:
        """Return it so many pixels further right and down."""
        return FaceBox((self.centre[0] + x, self.centre[1] + y), self.width)


@dataclass(frozen=True, slots=True)
class Subject:
    """The face that is followed."""

    box: FaceBox
    rival_since_s: float | None = None
    """When another face began to score clearly better, if one does."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What `choose_subject` decided about one frame."""

    subject: Subject | None
    index: int | None
    """Which face is the subject's; None where it is not to be seen."""
    changed: bool = False
    """True where the subject is another face than before (or the first)."""


def score(box: FaceBox, frame_size: tuple[int, int]) -> float:
    """Return how much a face looks like the subject: its size as a share of the frame, halved at a corner."""
    width, height = frame_size
    offset = math.hypot(box.centre[0] / width - 0.5, box.centre[1] / height - 0.5) / math.hypot(0.5, 0.5)
    return box.width / min(width, height) * (1.0 - 0.5 * min(offset, 1.0))


def choose_subject(
    subject: Subject | None, boxes: Sequence[FaceBox], frame_size: tuple[int, int], time_s: float
) -> Choice:
    """Return which of `boxes`, the faces of one frame, is the subject from now on.

    With no subject the best face becomes it. A subject that is not among the faces stays the subject: the caller says
    how long it waits before it forgets it (passes None).
    """
    if not boxes:
        return Choice(subject, None)
    scores = [score(box, frame_size) for box in boxes]
    best = scores.index(max(scores))
    if subject is None:
        return Choice(Subject(boxes[best]), best, changed=True)
    distances = [_distance(subject.box, box) for box in boxes]
    own = distances.index(min(distances))
    if distances[own] > REACH:
        return Choice(subject, None)
    if scores[best] < TAKEOVER_RATIO * scores[own]:
        return Choice(Subject(boxes[own]), own)
    since_s = time_s if subject.rival_since_s is None or subject.rival_since_s > time_s else subject.rival_since_s
    if time_s - since_s >= TAKEOVER_S:
        return Choice(Subject(boxes[best]), best, changed=True)
    return Choice(Subject(boxes[own], since_s), own)


def same_face(first: FaceBox, second: FaceBox) -> bool:
    """Return whether two sightings, shortly after another, are near enough to be of one face."""
    return _distance(first, second) <= REACH


def overlap(first: FaceBox, second: FaceBox) -> float:
    """Return the intersection over union of two faces' squares, 0..1."""
    sides = [
        min(one + first.width / 2, other + second.width / 2) - max(one - first.width / 2, other - second.width / 2)
        for one, other in zip(first.centre, second.centre, strict=True)
    ]
    shared = max(sides[0], 0.0) * max(sides[1], 0.0)
    return shared / max(first.width**2 + second.width**2 - shared, 1e-6)


def _distance(subject: FaceBox, box: FaceBox) -> float:
    """How unlike two sightings are, in face widths: how far apart, and how different in size."""
    apart = math.dist(subject.centre, box.centre)
    larger = max(subject.width, box.width, 1e-6)
    return (apart + abs(subject.width - box.width)) / larger

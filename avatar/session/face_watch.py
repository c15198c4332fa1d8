"""Whether the camera shows a face, and when that is worth a word: a pure function of what it showed so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from avatar.session.protocol import FaceFound, FaceLost, FaceSight
from avatar.types import FaceState

FIRST_FACE_S: Final = 1.5
"""A camera that has shown no face for this long since its first frame shows none: the user is told."""


@dataclass(frozen=True, slots=True)
class FaceWatch:
    """What the camera has shown so far. Start with `FaceWatch()`."""

    sight: FaceSight = "none"
    since_s: float | None = None
    """When its first frame arrived."""


def watch_face(
    watch: FaceWatch, face: FaceState | None, arrival_s: float
) -> tuple[FaceWatch, FaceFound | FaceLost | None]:
    """Return what is known after a frame that arrived at `arrival_s` and showed `face`, and what to tell of it.

    A face that is held, since it is lost for a moment, is neither found nor lost.
    """
    since_s = arrival_s if watch.since_s is None else watch.since_s
    sight = watch.sight
    if face is not None:
        sight = "held" if face.held else "tracked"
    elif watch.sight != "none" or arrival_s - since_s >= FIRST_FACE_S:
        sight = "lost"
    news: FaceFound | FaceLost | None = None
    if sight == "lost" and watch.sight != "lost":
        news = FaceLost()
    elif sight == "tracked" and watch.sight in ("none", "lost"):
        news = FaceFound()
    return FaceWatch(sight, since_s), news

"""When a face that comes, goes, or is lost for a moment is told of."""

from __future__ import annotations

import numpy as np

from avatar.session.face_watch import FIRST_FACE_S, FaceWatch, watch_face
from avatar.session.protocol import FaceFound, FaceLost
from avatar.types import FaceState, HeadPose

POSE = HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0)


def face(confidence: float = 1.0) -> FaceState:
    return FaceState(0.0, np.zeros((478, 3), np.float32), np.zeros(52, np.float32), POSE, confidence, (320, 240))


def watched(*seen: FaceState | None, fps: float = 30.0) -> tuple[FaceWatch, list[object]]:
    """Return what is known after these frames, and what was told."""
    watch, told = FaceWatch(), []
    for index, one in enumerate(seen):
        watch, news = watch_face(watch, one, 100.0 + index / fps)
        told += [news] if news is not None else []
    return watch, told


def test_a_face_is_found_once_and_lost_once() -> None:
    watch, told = watched(None, face(), face(), None, None, face())
    assert told == [FaceFound(), FaceLost(), FaceFound()] and watch.sight == "tracked"


def test_a_face_that_is_held_for_a_moment_is_not_lost() -> None:
    watch, told = watched(face(), face(0.6), face(0.2))
    assert told == [FaceFound()] and watch.sight == "held"
    assert watched(face(), face(0.6), face())[1] == [FaceFound()], "nor found again"


def test_a_camera_has_its_time_to_show_a_first_face() -> None:
    frames = round(FIRST_FACE_S * 30)
    assert watched(*[None] * frames) == (FaceWatch("none", 100.0), [])
    watch, told = watched(*[None] * (frames + 20))
    assert told == [FaceLost()] and watch.sight == "lost"

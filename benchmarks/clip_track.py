"""The unfiltered face track of a clip, and stretches of it that are worth measuring."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.face.pose import fit_pose, rotation_vector, to_head_frame
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker
from avatar.types import BLENDSHAPE_INDEX, F32, U8, FaceState

STRETCH: Final = 36
"""Frames of a stretch: a good second."""
SHORTEST_STRETCH: Final = 12
SLOW_TURN_DEG_S: Final = 40.0
"""A slow turn is nowhere faster than this (95th percentile of its frames) ..."""
LEAST_TURN_DEG: Final = 4.0
"""... and goes at least this far."""
APART: Final = 3
"""Frames between two that are chosen for what they show: neighbours show the same."""


@dataclass(frozen=True, slots=True)
class ClipTrack:
    """The face of one clip, as measured, unfiltered; rows are the frames in which one was found."""

    path: Path
    frame: np.ndarray
    """(n,), number of the frame in the clip."""
    time_s: np.ndarray
    """(n,)."""
    landmarks_px: F32
    """(n, 478, 3), pixels of the frame."""
    blendshapes: F32
    """(n, 52)."""
    turn_deg: F32
    """(n, 3): pitch, yaw and roll."""
    opening: F32
    """(n,): distance of the inner lips, head units."""
    frame_size: tuple[int, int]
    """(width, height)."""

    def __len__(self) -> int:
        return len(self.frame)

    def face(self, row: int) -> FaceState:
        """Return one row as the tracker would say it."""
        landmarks = self.landmarks_px[row]
        return FaceState(
            time_s=float(self.time_s[row]),
            landmarks_px=landmarks,
            blendshapes=self.blendshapes[row],
            pose=fit_pose(landmarks),
            confidence=1.0,
            frame_size=self.frame_size,
        )


def track_clip(path: Path, *, until_s: float) -> ClipTrack:
    """Return the track of a clip's largest face.

    Raises:
        MediaError: the clip cannot be read.
        ModelError: the landmarker's model is missing and cannot be fetched.
    """
    rows = []
    size = (0, 0)
    with FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1) as landmarker:
        for number, (time_s, rgb) in enumerate(clip_frames(path, until_s=until_s)):
            size = (rgb.shape[1], rgb.shape[0])
            for face in landmarker.detect(rgb, time_s)[:1]:
                pose = fit_pose(face.landmarks_px)
                lips = to_head_frame(face.landmarks_px[[mesh.UPPER_LIP_CENTRE, mesh.LOWER_LIP_CENTRE]], pose)[:, 1]
                turn = np.degrees(rotation_vector(pose.rotation))
                rows.append((number, time_s, face.landmarks_px, face.blendshapes, turn, lips[1] - lips[0]))
    frame, times, landmarks, blendshapes, turns, opening = zip(*rows, strict=True) if rows else [()] * 6
    return ClipTrack(
        path,
        np.array(frame, int),
        np.array(times, float),
        np.array(landmarks, np.float32).reshape(-1, mesh.VERTICES, 3),
        np.array(blendshapes, np.float32).reshape(-1, len(BLENDSHAPE_INDEX)),
        np.array(turns, np.float32).reshape(-1, 3),
        np.array(opening, np.float32),
        size,
    )


def read_pictures(path: Path, frames: Collection[int]) -> dict[int, U8]:
    """Return the frames of a clip with these numbers, (height, width, 3) RGB each."""
    wanted, last = set(frames), max(frames, default=-1)
    pictures: dict[int, U8] = {}
    for number, (_, rgb) in enumerate(clip_frames(path)):
        if number in wanted:
            pictures[number] = rgb
        if number >= last:
            break
    return pictures


def strongest(values: F32, count: int, *, first_row: int = 0) -> list[int]:
    """Return up to `count` rows of (n,) values from `first_row` on, the largest first, none next to another."""
    chosen: list[int] = []
    for row in first_row + np.argsort(-values[first_row:], kind="stable"):
        if len(chosen) == count:
            break
        if all(abs(row - other) >= APART for other in chosen):
            chosen.append(int(row))
    return chosen


def stillest(track: ClipTrack, rows: range) -> range | None:
    """Return the stretch of `rows` in which the face moves least, None where they are too few."""
    points = track.landmarks_px[..., :2]
    scale = max(float(np.linalg.norm(np.diff(points[:, list(mesh.OUTER_EYE_CORNERS)], axis=1), axis=-1).mean()), 1e-6)
    moved = np.zeros(len(track))
    moved[1:] = np.linalg.norm(np.diff(points, axis=0), axis=-1).mean(axis=1) / scale
    stretches = _stretches(track, rows)
    return min(stretches, key=lambda stretch: float(moved[stretch.start + 1 : stretch.stop].mean()), default=None)


def slow_turn(track: ClipTrack, rows: range) -> range | None:
    """Return the stretch of `rows` in which the head turns furthest without haste, None where there is none."""

    def reach(stretch: range) -> float:
        yaw = track.turn_deg[stretch.start : stretch.stop, 1]
        speed = np.abs(np.diff(yaw)) / np.maximum(np.diff(track.time_s[stretch.start : stretch.stop]), 1e-3)
        return float(np.ptp(yaw)) if np.percentile(speed, 95) <= SLOW_TURN_DEG_S else 0.0

    best = max(_stretches(track, rows), key=reach, default=None)
    return best if best is not None and reach(best) >= LEAST_TURN_DEG else None


def _stretches(track: ClipTrack, rows: range) -> list[range]:
    """Return all stretches of one length in `rows` in which no frame is missing."""
    length = min(STRETCH, len(rows))
    if length < SHORTEST_STRETCH:
        return []
    starts = (rows.start + offset for offset in range(len(rows) - length + 1))
    return [
        range(start, start + length)
        for start in starts
        if track.frame[start + length - 1] - track.frame[start] == length - 1
    ]

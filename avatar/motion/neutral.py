"""The driver's resting face: what every motion is measured from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.face.pose import rotation_matrix, rotation_vector, to_head_frame
from avatar.types import BLENDSHAPE_INDEX, F32, FaceState

CALIBRATION_S: Final = 1.0
"""How much of the first tracked time the resting face is averaged over."""
AWAY_S: Final = 1.5
"""A driver unseen for longer before their rest was settled starts anew: a glimpse in passing is nobody's rest."""
BLINKING: Final = 0.45
"""Frames with a blink coefficient above this do not count: the resting eye is open."""
QUIET_SHARE: Final = 0.25
"""Share of the frames, those with the least open mouth, that the resting expression is taken from."""
LIDS: Final = (
    (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID, mesh.RIGHT_EYE_CORNERS),
    (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID, mesh.LEFT_EYE_CORNERS),
)
"""Right eye, then left."""
_UPPER, _LOWER, _CORNERS = (np.array([eye[part] for eye in LIDS]) for part in range(3))
"""(2, n) each: lists of numbers would be made arrays in each picture anew."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A driver at rest."""

    landmarks: F32
    """(478, 3), head units, in the head's frame."""
    blendshapes: F32
    """(52,)."""
    rotation: F32
    """(3, 3), head frame -> camera frame."""
    position: F32
    """(2,), where the head's origin is, in pixels."""
    scale: float
    """Pixels per head unit."""
    eye_openings: tuple[float, float]
    """Right and left lid distance as a share of the eye's width."""
    frame_size: tuple[int, int]
    """(width, height) of the camera picture these pixels belong to."""


def eye_openings(landmarks: F32) -> tuple[float, float]:
    """Return the right and left mean lid distance as a share of the eye's width, for (478, 3) landmarks."""
    apart, across = landmarks[_UPPER] - landmarks[_LOWER], landmarks[_CORNERS[:, 0]] - landmarks[_CORNERS[:, 1]]
    distances = np.sqrt(np.einsum("eni,eni->en", apart, apart)).mean(axis=1).tolist()
    widths = np.sqrt(np.einsum("ei,ei->e", across, across)).tolist()
    right, left = (distance / max(width, 1e-6) for distance, width in zip(distances, widths, strict=True))
    return right, left


def between(first: Neutral, second: Neutral, share: float) -> Neutral:
    """Return the resting face `share` of the way from one to another, both seen in frames of one size."""

    def mean(a: F32, b: F32) -> F32:
        return np.asarray(a + np.float32(share) * (b - a), np.float32)

    turn = rotation_vector(np.asarray(second.rotation @ first.rotation.T, np.float32))
    right, left = mean(np.array(first.eye_openings), np.array(second.eye_openings)).tolist()
    return Neutral(
        landmarks=mean(first.landmarks, second.landmarks),
        blendshapes=mean(first.blendshapes, second.blendshapes),
        rotation=rotation_matrix(np.float32(share) * turn) @ first.rotation,
        position=mean(first.position, second.position),
        scale=first.scale + share * (second.scale - first.scale),
        eye_openings=(right, left),
        frame_size=second.frame_size,
    )


class NeutralCalibration:
    """Averages the first second of a driver's face; usable from its first frame on."""

    def __init__(self) -> None:
        self._samples: list[FaceState] = []
        self._neutral: Neutral | None = None
        self._done = False
        self._seen_s = 0.0

    @property
    def done(self) -> bool:
        """True once the resting face is settled."""
        return self._done

    def observe(self, face: FaceState) -> Neutral:
        """Take one tracked face; return the resting face as far as it is known."""
        if self._neutral is not None and (self._done or face.held):
            return self._neutral
        away = face.time_s - self._seen_s > AWAY_S
        self._seen_s = face.time_s
        if self._samples and (away or face.frame_size != self._samples[0].frame_size):
            self._samples.clear()
        if not self._samples or not _blinking(face):
            if self._samples and _blinking(self._samples[0]):
                self._samples.clear()
            self._samples.append(face)
            self._neutral = _average(self._samples)
        self._done = face.time_s - self._samples[0].time_s >= CALIBRATION_S
        if self._done:
            self._samples.clear()
        return self._neutral if self._neutral is not None else _average([face])


def _blinking(face: FaceState) -> bool:
    return bool(
        max(face.blendshapes[BLENDSHAPE_INDEX["eyeBlinkLeft"]], face.blendshapes[BLENDSHAPE_INDEX["eyeBlinkRight"]])
        > BLINKING
    )


def _average(faces: list[FaceState]) -> Neutral:
    """Return the median face: one odd frame must not bend the rest.

    The expression is taken from the frames with the least open mouth: people often talk while they start a call, and
    a mouth at rest is closed.
    """
    heads = np.array([to_head_frame(face.landmarks_px, face.pose) for face in faces])
    gaps = heads[:, mesh.LOWER_LIP_CENTRE, 1] - heads[:, mesh.UPPER_LIP_CENTRE, 1]
    quiet = gaps <= np.quantile(gaps, QUIET_SHARE)
    turns = np.median([rotation_vector(face.pose.rotation) for face in faces], axis=0).astype(np.float32)
    openings = np.median([eye_openings(face.landmarks_px) for face in faces], axis=0)
    return Neutral(
        landmarks=np.median(heads[quiet], axis=0).astype(np.float32),
        blendshapes=np.median(np.array([face.blendshapes for face in faces])[quiet], axis=0).astype(np.float32),
        rotation=rotation_matrix(turns),
        position=np.median([face.pose.translation_px[:2] for face in faces], axis=0).astype(np.float32),
        scale=float(np.median([face.pose.scale for face in faces])),
        eye_openings=(float(openings[0]), float(openings[1])),
        frame_size=faces[0].frame_size,
    )

"""Landmark settling: a photo's landmarks measured in the same way as those they are compared with.

MediaPipe crops a face by its detector's box in the first frame, and by the last frame's landmarks in later ones; the
landmarks of the two crops lie about half a percent of the face apart, and a coefficient may differ by 0.15. A camera's
face is tracked over frames, so the photo is detected several times in video mode, and what both are off by cancels; and
so are a few copies of it, turned and scaled, whose landmarks are off each in another way.
Frames of a clip are detected one by one, so for a comparison with those the photo is detected once, as an image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.generator.face_search import face_size
from avatar.generator.identity import Portrait
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import F32, U8

DETECTIONS: Final = 4
"""Detections of one picture: the first finds the face, from the third on the landmarks stand still."""
COPIES: Final = (
    (8, 1.0, 0.04, 0.0),
    (-8, 1.0, 0.03, 0.03),
    (4, 0.93, 0.0, 0.04),
    (-4, 1.07, -0.03, 0.03),
    (0, 0.88, -0.04, 0.0),
    (0, 1.12, -0.03, -0.03),
    (12, 1.0, 0.0, -0.04),
    (-12, 1.0, 0.03, -0.03),
)
"""Copies of a photo that are looked at too: turned by degrees, scaled, moved across and down in face sizes.

One picture's landmarks are off by half a pixel, each time in its own way; the mean over a few is nearer. On clips of 11
people the eyes' error fell from 0.883 to 0.869 of the plain warp's and the face gained 0.05 dB; 20 copies or a second
correction, by the landmarks of pictures that were drawn, brought less than 0.01 more."""
AROUND: Final = 1.0
"""Half the side of the square searched, in face sizes: nobody else is in it, and the detector finds what fills it."""
STRAYED: Final = 0.1
"""Landmarks whose middle lies further off than this, in face sizes, are another face's."""
ANOTHER: Final = 0.04
"""Landmarks further apart than this, in the mean and in face sizes, are not two detections of one face: those differ
by 0.015 at most (35 portraits)."""


def with_tracked_landmarks(portrait: Portrait) -> Portrait:
    """Return a portrait with the landmarks and coefficients that video tracking settles on; unchanged where it fails.

    The landmarks are the mean over the photo as it is and `COPIES` of it.

    Raises:
        ModelError: the landmarker's model is missing and cannot be fetched.
    """
    size = face_size(portrait.landmarks_px)
    middle = portrait.landmarks_px[:, :2].mean(axis=0)
    with FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1) as landmarker:
        upright = _settled(landmarker, portrait.rgb, _Copy.of(middle, AROUND * size), begin_s=0.0)
        if upright is None or _distance(upright.landmarks_px, middle) > STRAYED * size:
            return portrait
        landmarks = [upright.landmarks_px]
        for number, (turn_deg, scale, across, down) in enumerate(COPIES, start=1):
            aside = np.array([across, down]) * size
            copy = _Copy.of(middle, AROUND * size, turn_deg=turn_deg, scale=scale, aside=aside)
            seen = _settled(landmarker, portrait.rgb, copy, begin_s=float(number * DETECTIONS))
            if seen is not None and _distance(seen.landmarks_px, middle) <= STRAYED * size:
                landmarks.append(seen.landmarks_px)
    return replace(portrait, landmarks_px=np.mean(landmarks, axis=0, dtype=np.float32), blendshapes=upright.blendshapes)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A square copy of a part of a photo, turned and scaled about the face."""

    to_copy: NDArray[np.float64]
    """(2, 3), from pixels of the photo to those of the copy."""
    side: int
    """Pixels."""
    scale: float

    @classmethod
    def of(
        cls,
        middle: F32,
        half: float,
        *,
        turn_deg: float = 0.0,
        scale: float = 1.0,
        aside: NDArray[np.float64] | None = None,
    ) -> Self:
        """Lay the photo's `middle` (2,) into the middle of a square of twice `half`, or `aside` of it."""
        to_copy = np.asarray(cv2.getRotationMatrix2D(middle.tolist(), turn_deg, scale), np.float64)
        to_copy[:, 2] += half - middle + (0.0 if aside is None else aside)
        return cls(to_copy, max(round(2 * half), 2), scale)

    def take(self, rgb: U8) -> U8:
        """Return the copy, (side, side, 3) RGB; beyond the photo's edges it goes on as the edges are."""
        size = (self.side, self.side)
        flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(rgb, self.to_copy, size, flags=flags, borderMode=border), np.uint8)

    def to_photo(self, landmarks_px: F32) -> F32:
        """Return landmarks (n, 3) of the copy where they are in the photo."""
        places = (landmarks_px[:, :2] - self.to_copy[:, 2]) @ np.linalg.inv(self.to_copy[:, :2]).T
        return np.column_stack([places, landmarks_px[:, 2] / self.scale]).astype(np.float32)


def _settled(landmarker: FaceLandmarker, rgb: U8, copy: _Copy, *, begin_s: float) -> FaceDetection | None:
    """Return the face of a copy, in the photo, as it stands still in video tracking; None where it is not found."""
    picture = copy.take(rgb)
    found: list[FaceDetection] = []
    for number in range(DETECTIONS):
        found = landmarker.detect(picture, begin_s + number)
        if not found:
            return None
    return replace(found[0], landmarks_px=copy.to_photo(found[0].landmarks_px))


def _distance(landmarks_px: F32, middle: F32) -> float:
    return float(np.linalg.norm(landmarks_px[:, :2].mean(axis=0) - middle))


def with_single_frame_landmarks(portrait: Portrait, landmarker: FaceLandmarker) -> Portrait:
    """Return a portrait with the landmarks and coefficients of a single detection.

    `landmarker` is one for single pictures. Where it finds no face near these landmarks the portrait is unchanged.
    """
    for face in landmarker.detect(portrait.rgb, 0.0):
        off = np.linalg.norm((face.landmarks_px - portrait.landmarks_px)[:, :2], axis=1).mean()
        if off < ANOTHER * face_size(portrait.landmarks_px):
            return replace(portrait, landmarks_px=face.landmarks_px, blendshapes=face.blendshapes)
    return portrait

"""Every face of a photo, also those the detector passes over: it expects a selfie.

MediaPipe's short-range detector sees the photo at 128 x 128. A face that fills the whole photo and one that takes less
than about a sixth of its side are missed; looking again with a margin, then part by part, finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.types import F32, U8

SMALLEST_PART_PX: Final = 256
"""Parts smaller than this hold no face worth finding."""
PARTS: Final = (2, 4)
"""Into how many parts each side is cut, one try after another; parts overlap by half."""


def find_faces(photo: U8, landmarker: FaceLandmarker) -> list[FaceDetection]:
    """Return the faces of a photo (height, width, 3) RGB, each once, in pixels of the photo."""
    found = landmarker.detect(photo, 0.0) or _with_margin(photo, landmarker)
    for parts in PARTS:
        if found:
            break
        found = _part_by_part(photo, landmarker, parts)
    return found


def face_size(landmarks_px: F32) -> float:
    """Return the longer side of the face's box in pixels."""
    return float(np.ptp(landmarks_px[:, :2], axis=0).max())


def _with_margin(photo: U8, landmarker: FaceLandmarker) -> list[FaceDetection]:
    margin = max(photo.shape[:2]) // 3
    padded = cv2.copyMakeBorder(photo, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return _shifted(landmarker.detect(np.ascontiguousarray(padded, np.uint8), 0.0), -margin, -margin)


def _part_by_part(photo: U8, landmarker: FaceLandmarker, parts: int) -> list[FaceDetection]:
    """Search overlapping parts; of a face seen in several, keep the sight in which it is least cut off."""
    sights = []
    for left, top, right, bottom in _parts(photo.shape[1], photo.shape[0], parts):
        part = np.ascontiguousarray(photo[top:bottom, left:right])
        middle = np.array([left + right, top + bottom], np.float32) / 2
        for face in _shifted(landmarker.detect(part, 0.0), left, top):
            off_centre = float(np.abs(face.landmarks_px[:, :2].mean(axis=0) - middle).max())
            sights.append((off_centre, face))
    faces: list[FaceDetection] = []
    for _, face in sorted(sights, key=lambda sight: sight[0]):
        if not any(_same(face, kept) for kept in faces):
            faces.append(face)
    return faces


def _parts(width: int, height: int, parts: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield squares (left, top, right, bottom) that cover a photo, each overlapping its neighbours by half."""
    side = max(width, height) // parts
    if side < SMALLEST_PART_PX:
        return

    def starts(length: int) -> list[int]:
        last = max(length - side, 0)
        steps = max(1, -(-2 * last // side))
        return sorted({last * step // steps for step in range(steps + 1)})

    for top in starts(height):
        for left in starts(width):
            yield left, top, min(left + side, width), min(top + side, height)


def _same(first: FaceDetection, second: FaceDetection) -> bool:
    apart = np.linalg.norm((first.landmarks_px - second.landmarks_px)[:, :2].mean(axis=0))
    return bool(apart < 0.5 * max(face_size(first.landmarks_px), face_size(second.landmarks_px)))


def _shifted(faces: list[FaceDetection], x: int, y: int) -> list[FaceDetection]:
    by = np.array([x, y, 0], np.float32)
    return [FaceDetection(landmarks_px=face.landmarks_px + by, blendshapes=face.blendshapes) for face in faces]

"""Finds every face of a photo, also small ones that the detector, made for selfies, misses in the whole photo.

MediaPipe's short-range detector sees the photo at 128 x 128. A face that fills the whole photo and one that takes less
than about an eighth of its side are missed; looking again with a margin, then part by part, finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.perception.regions import Region, around, search_levels
from avatar.perception.subject import FaceBox
from avatar.types import F32, U8


def find_faces(photo: U8, landmarker: FaceLandmarker) -> list[FaceDetection]:
    """Return the faces of a photo (height, width, 3) RGB, each once, in pixels of the photo.

    Faces down to `avatar.perception.regions.SMALLEST_FACE_PX` are found, but small ones only where there is none that
    is larger: they are people in the background.
    """
    found = _each_once(landmarker.detect(photo, 0.0) or _with_margin(photo, landmarker))
    for parts in search_levels(photo.shape[1], photo.shape[0])[1:]:
        if found:
            break
        found = _part_by_part(photo, landmarker, parts)
    return found


def find_near(photo: U8, landmarker: FaceLandmarker, box: FaceBox) -> list[FaceDetection]:
    """Return the faces in and around a place in a photo where there was one in a photo taken just before."""
    region = around(box, (photo.shape[1], photo.shape[0]))
    return [region.in_picture(face) for face in landmarker.detect(region.cut(photo), 0.0)]


def face_size(landmarks_px: F32) -> float:
    """Return the longer side of the face's box in pixels."""
    return float(np.ptp(landmarks_px[:, :2], axis=0).max())


def _with_margin(photo: U8, landmarker: FaceLandmarker) -> list[FaceDetection]:
    height, width = photo.shape[:2]
    margin = max(height, width) // 3
    padded = cv2.copyMakeBorder(photo, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    within = Region(-margin, -margin, width + 2 * margin, height + 2 * margin)
    return [within.in_picture(face) for face in landmarker.detect(np.ascontiguousarray(padded, np.uint8), 0.0)]


def _part_by_part(photo: U8, landmarker: FaceLandmarker, parts: Sequence[Region]) -> list[FaceDetection]:
    """Search overlapping parts; of a face seen in several, keep the sight in which it is least cut off."""
    sights = []
    for part in parts:
        middle = np.array([part.left + part.width / 2, part.top + part.height / 2], np.float32)
        for face in map(part.in_picture, landmarker.detect(part.cut(photo), 0.0)):
            off_centre = float(np.abs(face.landmarks_px[:, :2].mean(axis=0) - middle).max())
            sights.append((off_centre, face))
    return _each_once(face for _, face in sorted(sights, key=lambda sight: sight[0]))


def _each_once(sights: Iterable[FaceDetection]) -> list[FaceDetection]:
    """Return each face as it was seen first: the detector sees some twice, such as one that is half covered."""
    faces: list[FaceDetection] = []
    for face in sights:
        if not any(_same(face, kept) for kept in faces):
            faces.append(face)
    return faces


def _same(first: FaceDetection, second: FaceDetection) -> bool:
    apart = np.linalg.norm((first.landmarks_px - second.landmarks_px)[:, :2].mean(axis=0))
    return bool(apart < 0.5 * max(face_size(first.landmarks_px), face_size(second.landmarks_px)))

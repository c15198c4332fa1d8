"""Landmark settling: a photo's landmarks measured in the same way as those they are compared with.

MediaPipe crops a face by its detector's box in the first frame, and by the last frame's landmarks in later ones; the
landmarks of the two crops lie about half a percent of the face apart, and a coefficient may differ by 0.15. A camera's
face is tracked over frames, so the photo is detected several times in video mode, and what both are off by cancels.
Frames of a clip are detected one by one, so for a comparison with those the photo is detected once, as an image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from avatar.generator.face_search import face_size
from avatar.generator.identity import Portrait
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker

DETECTIONS: Final = 4
"""Detections of one photo: the first finds the face, from the third on the landmarks stand still."""
AROUND: Final = 1.0
"""Half the side of the square searched, in face sizes: nobody else is in it, and the detector finds what fills it."""
STRAYED: Final = 0.1
"""Landmarks whose middle lies further off than this, in face sizes, are another face's."""
ANOTHER: Final = 0.04
"""Landmarks further apart than this, in the mean and in face sizes, are not two detections of one face: those differ
by 0.015 at most (35 portraits)."""


def with_tracked_landmarks(portrait: Portrait) -> Portrait:
    """Return a portrait with the landmarks and coefficients that video tracking settles on; unchanged where it fails.

    Raises:
        ModelError: the landmarker's model is missing and cannot be fetched.
    """
    size = face_size(portrait.landmarks_px)
    middle = portrait.landmarks_px[:, :2].mean(axis=0)
    left, top = np.maximum(middle - AROUND * size, 0).astype(int).tolist()
    right, bottom = (middle + AROUND * size).astype(int).tolist()
    part = portrait.rgb[top:bottom, left:right]
    with FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1) as landmarker:
        for second in range(DETECTIONS):
            found = landmarker.detect(part, float(second))
            if not found:
                return portrait
    landmarks = found[0].landmarks_px + np.array([left, top, 0], np.float32)
    off = float(np.linalg.norm(landmarks[:, :2].mean(axis=0) - middle))
    if off > STRAYED * size:
        return portrait
    return replace(portrait, landmarks_px=landmarks, blendshapes=found[0].blendshapes)


def with_single_frame_landmarks(portrait: Portrait, landmarker: FaceLandmarker) -> Portrait:
    """Return a portrait with the landmarks and coefficients of a single detection.

    `landmarker` is one for single pictures. Where it finds no face near these landmarks the portrait is unchanged.
    """
    for face in landmarker.detect(portrait.rgb, 0.0):
        off = np.linalg.norm((face.landmarks_px - portrait.landmarks_px)[:, :2], axis=1).mean()
        if off < ANOTHER * face_size(portrait.landmarks_px):
            return replace(portrait, landmarks_px=face.landmarks_px, blendshapes=face.blendshapes)
    return portrait

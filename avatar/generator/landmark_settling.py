"""A photo's landmarks as the camera's tracker would give them, and as a clip's single frames are read.

MediaPipe cuts a face out by its detector's box where it meets it, and by the last frame's landmarks where it follows
it; the landmarks of the two cuts lie about half a percent of the face beside each other, and a coefficient may differ
by 0.15. So what is compared has to be looked at in one way. The camera's face is followed, so the photo's is, too, and
what both are off by cancels; against frames of a clip that were each looked at by itself the photo is looked at so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from avatar.generator.face_search import face_size
from avatar.generator.identity import Portrait
from avatar.models.store import get_model
from avatar.perception.landmarker import FaceLandmarker

LOOKS: Final = 4
"""Looks at one photo: the first finds the face, from the third on the landmarks stand still."""
AROUND: Final = 1.0
"""Half the side of the square looked at, in face sizes: nobody else is in it, and the detector finds what fills it."""
STRAYED: Final = 0.1
"""Landmarks whose middle lies further off than this, in face sizes, are another face's."""
ANOTHER: Final = 0.04
"""Landmarks further apart than this, in the mean and in face sizes, are not two looks at one face: those differ
by 0.015 at most (35 portraits)."""


def followed(portrait: Portrait) -> Portrait:
    """Return a portrait with the landmarks and coefficients that a tracker settles on; as it was where that fails.

    Raises:
        ModelError: the landmarker's model is missing and cannot be fetched.
    """
    size = face_size(portrait.landmarks_px)
    middle = portrait.landmarks_px[:, :2].mean(axis=0)
    left, top = np.maximum(middle - AROUND * size, 0).astype(int).tolist()
    right, bottom = (middle + AROUND * size).astype(int).tolist()
    part = portrait.rgb[top:bottom, left:right]
    with FaceLandmarker(get_model("face_landmarker"), video=True, max_faces=1) as landmarker:
        for look in range(LOOKS):
            found = landmarker.detect(part, float(look))
            if not found:
                return portrait
    landmarks = found[0].landmarks_px + np.array([left, top, 0], np.float32)
    off = float(np.linalg.norm(landmarks[:, :2].mean(axis=0) - middle))
    if off > STRAYED * size:
        return portrait
    return replace(portrait, landmarks_px=landmarks, blendshapes=found[0].blendshapes)


def met(portrait: Portrait, landmarker: FaceLandmarker) -> Portrait:
    """Return a portrait with landmarks and coefficients as a clip's single frames are read.

    `landmarker` is one for single pictures. Where it sees no face with these landmarks the portrait is as it was.
    """
    for face in landmarker.detect(portrait.rgb, 0.0):
        off = np.linalg.norm((face.landmarks_px - portrait.landmarks_px)[:, :2], axis=1).mean()
        if off < ANOTHER * face_size(portrait.landmarks_px):
            return replace(portrait, landmarks_px=face.landmarks_px, blendshapes=face.blendshapes)
    return portrait

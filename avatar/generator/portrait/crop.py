"""The square of a picture that LivePortrait looks at: around the face, upright with it, from our landmarks.

Its own program cuts the square around 203 landmarks that reach from the brows to the chin; these are the same places on
MediaPipe's mesh. Sizes and shifts are those of its published configuration.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.types import F32, U8

SOURCE_SCALE: Final = 2.3
"""Side of a photo's square, in longer sides of the face's box."""
DRIVER_SCALE: Final = 2.2
"""And of the square around a driver's face."""
RAISED: Final = 0.125
"""How far above the box's middle the square's is, as a share of its side: hair belongs to the head."""
BROWS: Final = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
LOWER_OVAL: Final = mesh.OVAL[6:31]
"""The outline from temple to temple, without the forehead."""
_BOX: Final = np.array((*BROWS, *LOWER_OVAL))
_EYES: Final = np.array((*mesh.RIGHT_EYE_CORNERS, *mesh.LEFT_EYE_CORNERS))
_LIPS: Final = np.array((*mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP))


def face_square(landmarks_px: F32, size: int, scale: float = SOURCE_SCALE) -> F32:
    """Return the (2, 3) affine map from a picture's pixels to those of the square (size, size) around a face.

    `landmarks_px` is (478, 2 or 3), pixels of the picture.
    """
    points = np.asarray(landmarks_px[:, :2], np.float64)
    down = points[_LIPS].mean(axis=0) - points[_EYES].mean(axis=0)
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    upright = np.array([[down[1], -down[0]], down])  # rows: to the face's left as seen, and down it
    box = points[_BOX] @ upright.T
    low, high = box.min(axis=0), box.max(axis=0)
    side = max(float((high - low).max()) * scale, 1e-3)
    middle = (low + high) / 2 - np.array([0, RAISED * side])
    turn = upright * (size / side)
    shift = size / 2 - middle * (size / side)
    return np.hstack([turn, shift[:, None]]).astype(np.float32)


def cut_square(rgb: U8, to_square: F32, size: int) -> U8:
    """Return the (size, size, 3) square of a picture; black lies beyond its border, as the networks know it."""
    shrinks = float(np.linalg.norm(to_square[0, :2]))
    factor = max(1, int(1 / max(shrinks, 1e-6)))
    if factor > 1:  # warpAffine has no area filter
        rgb = np.asarray(cv2.resize(rgb, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA), np.uint8)
        to_square = to_square * np.array([factor, factor, 1], np.float32)
    return np.asarray(cv2.warpAffine(rgb, to_square, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def lip_opening(landmarks: F32) -> float:
    """Return how far lips are open, as a share of the mouth's width: what the lip network is told."""
    upper, lower = landmarks[mesh.UPPER_LIP_CENTRE, :2], landmarks[mesh.LOWER_LIP_CENTRE, :2]
    left, right = landmarks[list(mesh.MOUTH_CORNERS), :2]
    return float(np.linalg.norm(upper - lower) / max(float(np.linalg.norm(left - right)), 1e-6))


def eye_openings(landmarks: F32) -> tuple[float, float]:
    """Return how far each eye is open as a share of its width, the right one first: what the eye network is told."""
    right, left = (
        float(
            np.linalg.norm(landmarks[upper[len(upper) // 2], :2] - landmarks[lower[len(lower) // 2], :2])
            / max(float(np.linalg.norm(landmarks[corners[0], :2] - landmarks[corners[1], :2])), 1e-6)
        )
        for upper, lower, corners in (
            (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID, mesh.RIGHT_EYE_CORNERS),
            (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID, mesh.LEFT_EYE_CORNERS),
        )
    )
    return right, left

"""Whether the person in a photo wears glasses, by the edges around their eyes: their rims are to stay stiff.

The part around the eyes is laid straight, as if the head looked ahead, and described by the directions of its edges
(Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005). `models/photo_glasses.md` says on
what the weights were fitted and how often they err.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import fit_pose, to_head_frame, to_pixels
from avatar.resources import load_weights
from avatar.types import F32, U8

WEIGHTS: Final = "photo_glasses.safetensors"
WINDOW: Final = (96, 48)
"""(width, height) of the straightened part, pixels."""
UNIT_PX: Final = 60
"""Of its pixels a head unit, so that rims fit in it and brows just do."""
ABOVE: Final = 0.44
"""Share of it that lies above the eyes."""
_EYES: Final = np.array([*mesh.RIGHT_EYE_CORNERS, *mesh.LEFT_EYE_CORNERS])


def wears_glasses(rgb: U8, landmarks_px: F32) -> bool:
    """Return whether glasses are seen on a face in a picture (height, width, 3), with its (478, 3) landmarks.

    Raises:
        ModelError: the weights file is missing or damaged.
    """
    weights = _weights()
    return bool(np.vdot(eye_edges(rgb, landmarks_px), weights["direction"]) > weights["bound"][0])


def eye_edges(rgb: U8, landmarks_px: F32) -> F32:
    """Return the directions of the edges around a face's eyes, (1980,), whatever its light."""
    grey = cv2.cvtColor(straightened(rgb, landmarks_px), cv2.COLOR_RGB2GRAY)
    cells = cv2.HOGDescriptor(WINDOW, (16, 16), (8, 8), (8, 8), 9)
    return np.asarray(cells.compute(grey), np.float32).ravel()


def straightened(rgb: U8, landmarks_px: F32) -> U8:
    """Return the part of a picture around a face's eyes as if the head looked ahead, (48, 96, 3)."""
    pose = fit_pose(landmarks_px)
    middle = to_head_frame(landmarks_px[_EYES], pose).mean(axis=0)
    # Fine lines would come and go with where the pixels lie: sampled as finely as the picture is, then averaged.
    finer = max(1, round(pose.scale / UNIT_PX))
    width, height = (finer * side for side in WINDOW)
    corners = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    ways = (corners - np.array([width / 2, ABOVE * height])) / (finer * UNIT_PX)
    places = to_pixels(middle + np.column_stack([ways, np.zeros(3)]), pose)[:, :2].astype(np.float32)
    there = cv2.getAffineTransform(places, corners)
    part = cv2.warpAffine(rgb, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(part, WINDOW, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _weights() -> dict[str, F32]:
    return load_weights(WEIGHTS)

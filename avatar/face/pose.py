"""Head pose from landmarks: scaled-orthographic Procrustes against a mean head, on what expression moves least.

Head frame: x to the picture's right, y down, z away from the camera; unit = the distance between the outer eye corners
(landmarks 33 and 263) of the mean head; origin = the mean of its `RIGID` points. A head that faces the camera upright
has the identity as rotation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.resources import load_weights
from avatar.types import F32, HeadPose

RIGID: Final = (
    8, 168, 6, 197, 195, 5, 4, 1, 122, 351, 196, 419, 3, 248, 114, 343, 128, 357,
    33, 133, 362, 263, 127, 356, 162, 389, 21, 251, 234, 454,
)  # fmt: skip
"""Landmarks the pose is fitted on: bridge and ridge of the nose, eye corners, temples.

Chosen on training clips among sets of like size as the one whose pose follows brows, jaw and lids least: per unit of
coefficient the pitch shifts by 2 degrees with the jaw and the raised brows, where hairline and jaw line among the
points made it 5 with the brows (part of it is real: people do move their heads as they speak).
"""
_RIGID: Final = np.array(RIGID)
NEARLY_BACKWARDS: Final = -0.99
"""Cosine of the angle beyond which a matrix hardly tells by its two halves' difference which axis it turns about."""


@cache
def mean_head() -> F32:
    """Return the mean head at rest, (478, 3) in head units, not to be written into (`models/face_basis.md`).

    Raises:
        ModelError: the weights file is missing or damaged.
    """
    mean: F32 = load_weights("face_basis.safetensors")["mean"]
    mean.flags.writeable = False
    return mean


def fit_pose(landmarks_px: F32, head: F32 | None = None) -> HeadPose:
    """Return the pose that carries `head` onto `landmarks_px` with the least squared error over the rigid landmarks.

    `landmarks_px` and `head` are (478, 3); `head` (head units) defaults to `mean_head()`. Umeyama, "Least-squares
    estimation of transformation parameters between two point patterns", PAMI 1991, with no reflection.
    """
    rigid = _mean_rigid() if head is None else _Points.of(head[_RIGID])
    return _fitted(rigid, landmarks_px.take(_RIGID, axis=0))


def fit_similarity(points: F32, target: F32) -> HeadPose:
    """Return the rotation, translation and scale that carry `points` (n, 3) onto `target` (n, 3), least squares."""
    return _fitted(_Points.of(points), target)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points (n, 3) that others are to be fitted to."""

    about_mean: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: float
    """Their squared distances from the mean, summed."""

    @staticmethod
    def of(points: F32) -> _Points:
        mean = points.mean(axis=0, dtype=np.float64)
        about_mean = points - mean
        return _Points(about_mean, mean, max(float(np.vdot(about_mean, about_mean)), 1e-12))


@cache
def _mean_rigid() -> _Points:
    return _Points.of(mean_head()[_RIGID])


def _fitted(points: _Points, target: F32) -> HeadPose:
    """Return what `fit_similarity` does."""
    goal = target.astype(np.float64)
    goal_mean = np.full(len(goal), 1.0 / len(goal)) @ goal
    # Points about their mean: that of the goal need not be taken off, too. OpenCV's decomposition: a picture's pose is
    # fitted in between networks, where numpy's takes four times as long.
    strength, left, right = cv2.SVDecomp(goal.T @ points.about_mean)
    one, two, three = strength[:, 0].tolist()
    rotation = left @ right
    if cv2.determinant(rotation) < 0:
        left[:, 2], three = -left[:, 2], -three
        rotation = left @ right
    scale = max((one + two + three) / points.spread, 1e-9)
    translation = goal_mean - scale * (rotation @ points.mean)
    return HeadPose(rotation.astype(np.float32), translation.astype(np.float32), scale)


def to_head_frame(landmarks_px: F32, pose: HeadPose) -> F32:
    """Return points (..., 3) of the picture in the head's own frame, head units."""
    return (landmarks_px - pose.translation_px) @ (pose.rotation / np.float32(pose.scale))


def to_pixels(landmarks_head: F32, pose: HeadPose) -> F32:
    """Return points (..., 3) of the head frame in the picture, pixels: the inverse of `to_head_frame`."""
    return landmarks_head @ (pose.rotation.T * np.float32(pose.scale)) + pose.translation_px


def rotation_vector(rotation: F32) -> F32:
    """Return (3,) radians x axis for a rotation matrix (3, 3); its length is the angle, 0 to pi.

    In camera axes (x right, y down, z away): + x tips the chin down, + y turns the nose to the picture's left,
    + z rolls clockwise as seen.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    x, y, z = zy - yz, xz - zx, yx - xy
    sine, cosine = math.hypot(x, y, z) / 2, (xx + yy + zz - 1) / 2
    if cosine < NEARLY_BACKWARDS:
        return np.asarray(cv2.Rodrigues(np.asarray(rotation, np.float64))[0][:, 0], np.float32)
    per_sine = math.atan2(sine, cosine) / (2 * sine) if sine > 0 else 0.5
    return np.array([x * per_sine, y * per_sine, z * per_sine], np.float32)


def rotation_matrix(vector: F32) -> F32:
    """Return the rotation matrix (3, 3) of a rotation vector (3,) in radians ."""
    return np.asarray(cv2.Rodrigues(np.asarray(vector, np.float64))[0], np.float32)

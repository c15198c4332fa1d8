"""What an opening mouth shows: the photo's own teeth where there are any, else a dark cavity with teeth in it.

Upper teeth are rigid with the skull, so lips slide over them; nothing is stretched with the lips.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar import face_mesh as mesh
from avatar.perception.pose import to_head_frame, to_pixels
from avatar.types import F32, U8, HeadPose

CAVITY_SHADE: Final = 0.16
"""Brightness of the cavity relative to the lips' colour."""
OWN_TEETH_GAP: Final = 0.05
"""Inner-lip opening, in mouth widths, from which the photo's own mouth is worth showing."""


class MouthInterior:
    """Draws the inside of one person's mouth."""

    def __init__(self, rgb: U8, rest_landmarks: F32, rest_pose: HeadPose) -> None:
        """Take the resting picture (height, width, 3) RGB, its (478, 3) landmarks in pixels, and its pose."""
        self._opening = list(mesh.MOUTH_OPENING)
        outline = rest_landmarks[self._opening]
        lips = rgb[_box(outline[:, :2], rgb.shape, margin=6)]
        self._cavity = np.clip(np.median(lips.reshape(-1, 3), axis=0) * (CAVITY_SHADE, 0.09, 0.09), 0, 60)
        self._rest_pose = rest_pose
        self._own = self._own_teeth(rgb, outline)
        # Three points of the skull at the depth of the lips fix an affine map from rest to any pose.
        corners = np.array([[0, 0, 0], [0.3, 0, 0], [0, 0.3, 0]], np.float32) * rest_pose.scale
        anchors = (outline.mean(axis=0) + corners).astype(np.float32)
        self._rest_anchors = np.ascontiguousarray(anchors[:, :2])
        self._anchors_head = to_head_frame(anchors, rest_pose)

    def draw(self, person: U8, landmarks: F32, pose: HeadPose) -> None:
        """Fill the mouth's opening of a premultiplied RGBA picture in place."""
        outline = landmarks[self._opening][:, :2]
        gap = np.linalg.norm(
            landmarks[list(mesh.UPPER_INNER_LIP), :2] - landmarks[list(mesh.LOWER_INNER_LIP), :2], axis=1
        ).max()
        if gap < 0.75:
            return
        rows, columns = _box(outline, person.shape, margin=2)
        view = person[rows, columns]
        if view.size == 0:
            return
        origin = np.array([columns.start, rows.start], np.float32)
        mask = np.zeros(view.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint((outline - origin) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        share = cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32)[..., None] / 255

        inside = self._cavity_picture(view.shape[:2], outline - origin)
        if self._own is not None:
            anchors = to_pixels(self._anchors_head, pose)[:, :2] - origin
            to_view = cv2.getAffineTransform(self._rest_anchors, np.ascontiguousarray(anchors))
            own = cv2.warpAffine(self._own, to_view, view.shape[1::-1], flags=cv2.INTER_LINEAR).astype(np.float32)
            inside = own[..., :3] + inside * (1 - own[..., 3:] / 255)
        view[..., :3] = np.clip(view[..., :3] + share * (inside - view[..., :3]), 0, 255).astype(np.uint8)
        view[..., 3] = np.maximum(view[..., 3], mask)

    def _cavity_picture(self, shape: tuple[int, int], outline: F32) -> F32:
        """Return the dark (height, width, 3) inside of the mouth, a little lighter towards the lower lip."""
        height, width = shape
        low, high = float(outline[:, 1].min()), float(outline[:, 1].max())
        down = np.clip((np.arange(height, dtype=np.float32) - low) / max(high - low, 1), 0, 1)[:, None, None]
        return np.asarray(np.ones((1, width, 1), np.float32) * self._cavity * (0.6 + 0.9 * down**2), np.float32)

    def _own_teeth(self, rgb: U8, outline: F32) -> U8 | None:
        """Return the photo's own open mouth, premultiplied RGBA of the whole picture, or None when it is closed."""
        width = float(np.linalg.norm(outline[0, :2] - outline[len(outline) // 2, :2]))
        pairs = len(mesh.UPPER_INNER_LIP)
        upper, lower = outline[1 : 1 + pairs, :2], outline[len(outline) : pairs + 1 : -1, :2]
        if np.linalg.norm(upper - lower, axis=1).max() < OWN_TEETH_GAP * width:
            return None
        mask = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint(outline[:, :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = max(3, round(0.03 * width)) | 1
        mask = cv2.GaussianBlur(cv2.erode(mask, np.ones((soft // 2 + 1, soft // 2 + 1), np.uint8)), (soft, soft), 0)
        return np.dstack([cv2.multiply(rgb, cv2.merge([mask] * 3), scale=1 / 255), mask])


def _box(points: F32, shape: tuple[int, ...], *, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of the box around (N, 2) points, cut to a picture's shape."""
    low = np.floor(points.min(axis=0)).astype(int) - margin
    high = np.ceil(points.max(axis=0)).astype(int) + margin + 1
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    return slice(top, max(top, min(shape[0], int(high[1])))), slice(left, max(left, min(shape[1], int(high[0]))))

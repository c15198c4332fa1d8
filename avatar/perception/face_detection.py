"""What the face detector's network answers, as faces: BlazeFace, short range.

The network looks at a square picture and answers for 896 places, its anchors, whether a face is there and where its
box and six points of it are, from the anchor on (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047). Thresholds
and anchors are those of MediaPipe's graph (`mediapipe/tasks/cc/vision/face_detector`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from avatar.perception.rotated_rect import GROWTH, RotatedRect
from avatar.types import F32

SIDE: Final = 128
"""Pixels a side of the picture it looks at."""
GRIDS: Final = ((16, 2), (8, 6))
"""The anchors lie on these grids: cells a side, anchors in the middle of each cell."""
LEAST_SCORE: Final = 0.5
SAME_FACE: Final = 0.5
"""Boxes whose intersection over union is larger are of one face."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face in the detector's square picture, whose sides are 1."""

    box: F32
    """(4,): left, top, right, bottom."""
    points: F32
    """(6, 2): the subject's right and left eye, nose, mouth, right and left ear."""
    score: float

    def rect(self, width: int, height: int) -> RotatedRect:
        """Return where its landmarks are looked for in the picture (pixels) that was laid into the square's middle."""
        side = max(width, height)
        left, top, right, bottom = (float(value) * side for value in self.box)
        right_eye, left_eye = self.points[0], self.points[1]
        return RotatedRect(
            (left + right - side + width) / 2,
            (top + bottom - side + height) / 2,
            GROWTH * (right - left),
            GROWTH * (bottom - top),
            math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]),
        )


def faces_in(answers: F32, logits: F32) -> list[DetectedFace]:
    """Return the faces that the network sees, the surest first.

    Args:
        answers: (896, 16), pixels of its square from the anchor on: middle, width and height of the box; six points.
        logits: (896,), how surely there is a face.
    """
    seen = np.flatnonzero(logits >= math.log(LEAST_SCORE / (1 - LEAST_SCORE)))
    seen = seen[np.argsort(-logits[seen], kind="stable")]
    scores = (1 / (1 + np.exp(-logits[seen]))).astype(np.float32)
    places: F32 = (answers[seen] / np.float32(SIDE)).reshape(-1, 8, 2)
    anchors: F32 = anchor_centres()[seen]
    middles, half_sizes = places[:, 0] + anchors, places[:, 1] / 2
    boxes: F32 = np.concatenate([middles - half_sizes, middles + half_sizes], axis=1)
    points: F32 = places[:, 2:] + anchors[:, None]
    return _one_of_each(boxes, points, scores)


@cache
def anchor_centres() -> F32:
    """Return (896, 2), where the anchors are in the square."""
    grids: list[F32] = []
    for cells, anchors in GRIDS:
        middles = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), anchors, axis=0))
    centres: F32 = np.concatenate(grids)
    centres.flags.writeable = False  # one for all
    return centres


def _one_of_each(boxes: F32, points: F32, scores: F32) -> list[DetectedFace]:
    """Return boxes of one face as their mean, weighted by score; they come by falling score."""
    faces = []
    while len(boxes):
        first = boxes[0]
        shared = (np.minimum(boxes[:, 2:], first[2:]) - np.maximum(boxes[:, :2], first[:2])).clip(0.0).prod(axis=1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        same = shared > SAME_FACE * (areas + areas[0] - shared)
        same[0] = True
        if areas[0] > 0:
            weights = scores[same] / scores[same].sum()
            box, face_points = weights @ boxes[same], np.tensordot(weights, points[same], 1)
            faces.append(DetectedFace(box, face_points, float(scores[0])))
        boxes, points, scores = boxes[~same], points[~same], scores[~same]
    return faces

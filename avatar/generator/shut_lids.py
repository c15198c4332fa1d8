"""What shut lids show: lashes on skin, and nothing of the eye.

Landmarks lie beside the lids' edges by a pixel or two, so the skin that they bound has a rim of the eyeball. Where lids
meet, that rim would be a slit of white and iris along the lashes. As they meet, the lids' skin is therefore looked up a
little further from the eye, and what is left between them where the upper lid's lashes are. Then one pixel is lid and
the next below it cheek, from far apart in the photo: their border is softened, or it would be a stair.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.mouth import opening_box
from avatar.types import F32, U8

RIMS: Final = (0.06, 0.2)
"""How much of an open eye's height lies beyond the landmarks of the upper and of the lower lid (five drawn faces, eight
training clips)."""
SOFT: Final = 0.035
"""Width, as a share of the eye's, of the band along shut lids that is softened."""
BLUR_PX: Final = 0.6
"""Deviation of the Gaussian that softens it: stairs are a pixel high in pictures of any size."""
MEETING: Final = (0.35, 0.1)
"""How far lids are apart as a share of the photo's where they begin to meet and where they have met."""
_UPPER: Final = np.array([mesh.RIGHT_UPPER_LID, mesh.LEFT_UPPER_LID])
_LOWER: Final = np.array([mesh.RIGHT_LOWER_LID, mesh.LEFT_LOWER_LID])
_CORNERS: Final = np.array([mesh.RIGHT_EYE_CORNERS, mesh.LEFT_EYE_CORNERS])
_FROM, _TO = (
    np.concatenate([3 * ends.ravel(), 3 * ends.ravel() + 1])
    for ends in (np.hstack([_UPPER, _CORNERS[:, :1]]), np.hstack([_LOWER, _CORNERS[:, 1:]]))
)
"""(32,), of all numbers of landmarks x and then y of the ends of either eye's seven openings and, last, its width."""
_ENDS: Final = len(_FROM) // 2
_ALONG: Final = np.stack([np.hstack([_CORNERS[:, :1], lid, _CORNERS[:, 1:]]) for lid in (_UPPER, _LOWER)])
"""(2, 2, 9): either eye's upper and lower lids from corner to corner."""


class ShutLids:
    """Where the lids of one photo are looked up once they are shut. The right eye comes first."""

    def __init__(self, rest_landmarks: F32) -> None:
        """Take the (478, 3) resting landmarks in pixels."""
        self._rest = _apart(rest_landmarks)
        places = rest_landmarks[:, :2]
        opening = places[_UPPER] - places[_LOWER]
        self.skin = np.zeros((2, len(places), 2), np.float32)
        """(2, 478, 2): for either eye, how far from its place in the photo each landmark's skin is looked up."""
        self.between = np.zeros_like(self.skin)
        """The same of what lies between the lids."""
        above, below = RIMS
        for eye, (upper, lower) in enumerate(zip(_UPPER, _LOWER, strict=True)):
            self.skin[eye, upper] = self.between[eye, upper] = np.float32(above) * opening[eye]
            self.skin[eye, lower] = -np.float32(below) * opening[eye]
            self.between[eye, lower] = np.float32(1 + above) * opening[eye]

    def met(self, landmarks: F32) -> tuple[float, float]:
        """Return how far the right and the left eye's lids have met in moved landmarks (478 or more, 3), 0..1."""
        begins, ends = MEETING
        right, left = (
            min(max((begins - now / max(rest, 1e-3)) / (begins - ends), 0.0), 1.0)
            for now, rest in zip(_apart(landmarks), self._rest, strict=True)
        )
        return right, left


def soften_shut_lids(picture: U8, landmarks: F32, lids_met: tuple[float, float]) -> None:
    """Soften the border of lids that have met, so far, in a picture (height, width, 3), in place.

    `landmarks` are (478, 3) in the picture's pixels.
    """
    if max(lids_met) <= 0:
        return
    lines = landmarks.take(_ALONG, axis=0)[..., :2].mean(axis=0)
    for line, met in zip(lines, lids_met, strict=True):
        if met <= 0:
            continue
        width = max(round(SOFT * math.dist(line[0].tolist(), line[-1].tolist())), 2)
        rows, columns = opening_box(line, picture.shape, margin=width + 1)
        view = picture[rows, columns]
        if view.size == 0:
            continue
        band = np.zeros(view.shape[:2], np.uint8)
        corner = np.array([columns.start, rows.start], np.float32)
        at = np.rint((line - corner) * 16).astype(np.int32)
        cv2.polylines(band, [at], isClosed=False, color=255, thickness=width, lineType=cv2.LINE_AA, shift=4)
        share = cv2.GaussianBlur(band, (3, 3), 0) * np.float32(met / 255)
        view[:] = cv2.blendLinear(cv2.GaussianBlur(view, (0, 0), BLUR_PX), view, share, 1 - share)


def _apart(landmarks: F32) -> list[float]:
    """Return the mean distance between either eye's lids over its width."""
    away = (landmarks.take(_FROM) - landmarks.take(_TO)).tolist()
    lengths = list(map(math.hypot, away[:_ENDS], away[_ENDS:]))
    each = (lengths[: _ENDS // 2], lengths[_ENDS // 2 :])
    return [sum(gaps) / len(gaps) / max(width, 1e-3) for *gaps, width in each]

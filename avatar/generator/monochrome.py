"""Photos without colours, black and white, toned or pencil: what is drawn into a mouth takes the photo's tones."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.perception.mouth_cover import AROUND_MOUTH
from avatar.types import F32, U8

COLOURED: Final = 0.015
"""Root mean square of how far a face's colours are from tones of its light, as a share of that, from which on a photo
has colours: grey ones have 0, sepia up to 0.008, the palest of 45 coloured portraits 0.024."""
LOOKED_AT: Final = (48, 64)
"""(width, height) a face is shrunk to for that: grain and the blocks of JPEG are not colours."""
_MEAN: Final = np.full((1, 3), 1 / 3, np.float32)
_AROUND_MOUTH: Final = np.array(AROUND_MOUTH)


def tones_of(rgb: U8, landmarks_px: F32) -> U8 | None:
    """Return the colour (256, 1, 3) that each level of light has in a photo without colours; None: it has some.

    Args:
        rgb: (height, width, 3).
        landmarks_px: (478, 3), the face in it.
    """
    low = np.maximum(np.floor(landmarks_px[:, :2].min(axis=0)).astype(int), 0)
    high = np.ceil(landmarks_px[:, :2].max(axis=0)).astype(int) + 1
    face = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    if min(face.shape[:2]) < 2:
        return None
    pixels = cv2.resize(face, LOOKED_AT, interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32)
    level = max(float(np.percentile(pixels.mean(axis=1), 70)), 4.0)
    light = pixels.mean(axis=1) / level
    # Prints are toned by light: shadows brown, whites yellow.
    colours = pixels / level - light[:, None]
    toning, *_ = np.linalg.lstsq(_powers(light), colours, rcond=None)
    if np.sqrt(np.square(colours - _powers(light) @ toning).max(axis=1).mean()) > COLOURED:
        return None
    levels = np.arange(256, dtype=np.float32) / level
    toned = levels[:, None] + _powers(levels.clip(light.min(), light.max())) @ toning
    return np.asarray(np.rint(toned * level).clip(0, 255), np.uint8)[:, None]


def tone_mouth(picture: U8, landmarks: F32, tones: U8) -> None:
    """Give what lies around a mouth in a picture (height, width, 3) the tones of a photo, in place.

    `landmarks` are (478, 3) in the picture's pixels.
    """
    around = np.rint(cv2.convexHull(landmarks[_AROUND_MOUTH, :2])[:, 0]).astype(np.int32)
    x, y, width, height = cv2.boundingRect(around)
    left, top = max(x, 0), max(y, 0)
    view = picture[top : max(y + height, 0), left : max(x + width, 0)]
    if view.size == 0:
        return
    mask = np.zeros(view.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, around - np.array([left, top], np.int32), 255)
    toned = cv2.LUT(cv2.merge([cv2.transform(view, _MEAN)] * 3), tones)
    cv2.copyTo(toned, mask, view)


def _powers(light: F32) -> F32:
    """Return 1, light and its square, (n, 3), for (n,)."""
    return np.stack([np.ones_like(light), light, light * light], axis=1)

"""The tone of teeth: what is next to white in an opened mouth becomes as white as the person's eyes are.

Guessed from a photo with a shut mouth, teeth come out grey and reddish, the mean of bright teeth and of none. Eyes lie
in the same light, and their whites tell best how bright teeth are: between people both differ by half, and together.
"""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.mouth import opening_box
from avatar.types import F32, U8

FEWEST_PX: Final = 25
"""Pixels of a photo's eye whites, fewer say nothing: shut eyes, small faces."""
WHITES: Final = (75.0, 95.0)
"""Percentiles of their light between which they are white: below are lashes and shadows, above reflections."""
AS_SKIN: Final = (0.7, 1.2)
"""Of the skin's light: eyes darker than that are behind glasses or in shadow, brighter ones reflect."""
LIGHT: Final = (0.6, 1.0)
"""Of the whites' light: where it begins to be teeth, and where it is."""
PALE: Final = (0.6, 0.85)
"""The same of green over red beside the whites': lips and tongues are below."""
STRENGTH: Final = 0.7
SOFTENED: Final = 0.03
"""Half the side of a square, in mouth widths, over which a mouth is averaged: edges of teeth stay as they are."""
GREEN_OVER_RED: Final = 160
"""The byte that says that green and red are the same."""
_OPENING: Final = np.array(mesh.MOUTH_OPENING)
_OTHER_CORNER: Final = mesh.MOUTH_OPENING.index(mesh.MOUTH_CORNERS[1])
"""In the opening's outline, which begins at the first."""


def eye_whites(rgb: U8, landmarks: F32) -> F32 | None:
    """Return the colour (3,) of the whites of a photo's eyes, levels of 255; None: they cannot be seen.

    Args:
        rgb: (height, width, 3).
        landmarks: (478, 3) in its pixels.
    """
    eyes = np.zeros(rgb.shape[:2], np.uint8)
    for opening in (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING):
        cv2.fillPoly(eyes, [np.rint(landmarks[list(opening), :2]).astype(np.int32)], 1)
    for centre, *ring in (mesh.RIGHT_IRIS, mesh.LEFT_IRIS):
        radius = float(np.linalg.norm(landmarks[ring, :2] - landmarks[centre, :2], axis=1).mean())
        cv2.circle(eyes, np.rint(landmarks[centre, :2]).astype(int).tolist(), round(1.1 * radius), 0, -1)
    seen = rgb[eyes > 0].astype(np.float32)
    if len(seen) < FEWEST_PX:
        return None
    light = seen.mean(axis=1)
    low, high = np.percentile(light, WHITES)
    colour = seen[(light >= low) & (light <= high)].mean(axis=0)
    rows, columns = opening_box(landmarks[:, :2], rgb.shape, margin=0)
    skin = float(np.percentile(rgb[rows, columns].reshape(-1, 3), 70, axis=0).mean())
    least, most = (share * skin for share in AS_SKIN)
    return np.asarray(colour * (np.clip(high, least, most) / max(float(colour.mean()), 1.0)), np.float32)


class TeethTone:
    """Brings teeth to the tone of one person's."""

    def __init__(self, whites: F32) -> None:
        """Take the colour (3,) that they come near to."""
        levels = np.arange(256, dtype=np.float32)
        self._lacking = np.rint(whites.clip(0, 255) - levels[:, None]).clip(0, 255).astype(np.uint8)[None]
        self._light = _rising(levels / max(float(whites.mean()), 1.0), LIGHT)
        paleness = float(whites[1]) / max(float(whites[0]), 1.0)
        self._pale = _rising(levels / (GREEN_OVER_RED * paleness), PALE)

    def lift(self, picture: U8, landmarks: F32, strength: float) -> None:
        """Lift what looks like teeth in the mouth of a picture (height, width, 3), in place, so much of it, 0..1.

        `landmarks` are (478, 3) in the picture's pixels.
        """
        if strength <= 0:
            return
        outline = landmarks.take(_OPENING, axis=0)[:, :2]
        rows, columns = opening_box(outline, picture.shape, margin=0)
        view = picture[rows, columns]
        if view.size == 0:
            return
        # What is added is smooth: half as many pixels a side hold it.
        height, width = ((side + 1) // 2 for side in view.shape[:2])
        half = cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR)
        side = max(round(SOFTENED * math.dist(outline[0].tolist(), outline[_OTHER_CORNER].tolist())), 1) | 1
        soft = cv2.blur(half, (side, side))
        mask = np.zeros((height, width), np.uint8)
        corner = np.array([columns.start + 0.5, rows.start + 0.5], np.float32)
        cv2.fillPoly(mask, [np.rint((outline - corner) * 8).astype(np.int32)], 255, cv2.LINE_AA, 4)
        share = cv2.multiply(self._teeth(soft), mask, scale=STRENGTH * strength / 255)
        if not cv2.countNonZero(share):
            return
        lifted = cv2.resize(self._missing(soft, share), view.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        cv2.add(view, lifted, dst=view)

    def lifted(self, smooth: U8) -> U8:
        """Return a mouth's colours (height, width, 3), of which none is an edge, with those of teeth lifted."""
        teeth = self._teeth(smooth, STRENGTH)
        return np.asarray(cv2.add(smooth, self._missing(smooth, teeth)), np.uint8)

    def _teeth(self, smooth: Any, strength: float = 1.0) -> Any:
        """Return how much colours (height, width, 3) are those of teeth, 0..255."""
        red, green, _ = cv2.split(smooth)
        pale = cv2.LUT(cv2.divide(green, red, scale=GREEN_OVER_RED), self._pale)
        light = cv2.LUT(cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), self._light)
        return cv2.multiply(light, pale, scale=strength / 255)

    def _missing(self, smooth: Any, share: Any) -> Any:
        """Return a share (height, width), 0..255, of what colours lack to the whites."""
        return cv2.multiply(cv2.LUT(smooth, self._lacking), cv2.cvtColor(share, cv2.COLOR_GRAY2RGB), scale=1 / 255)


def _rising(values: F32, between: tuple[float, float]) -> U8:
    """Return (256,) bytes that rise from 0 to 255 while values do between two."""
    begins, ends = between
    return np.asarray(np.rint(255 * ((values - begins) / (ends - begins)).clip(0, 1)), np.uint8)

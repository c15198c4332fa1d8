"""Edges of drawn teeth in a mouth that is drawn too softly to show where teeth end.

A network that cannot know where teeth end draws their mean, and enlarged that is softer still. Drawn teeth end
somewhere plausible. Where the mouth is brighter and darker as they are, the rim of the upper row against the dark above
all, it is a blurred picture of their edges and gets them back, as strong as it shows them (guided filter: He, Sun,
Tang: "Guided Image Filtering", IEEE TPAMI 35(6), 2013). Where it is as even and as pale as teeth are, they part as
drawn ones do. In the dark, on a tongue and on gums no edge of a tooth has a place. Light and colour stay the mouth's.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from avatar.types import F32, U8

EDGE_PX: Final = 1.1
"""What is finer than this, in pixels of the crop, is an edge: the finest is the sharpest for the least error."""
AROUND_PX: Final = 5.0
"""Side, in pixels of the crop, of the square in which a mouth is compared with drawn teeth: about a tooth's height."""
NOISE: Final = 12.0
"""Contrast of drawn teeth, levels of 255, that explains half as much as it could."""
STRONGER: Final = 4.0
"""How much more of the drawn contrast is shown than the mouth's own explains: means have less than what they are of."""
MOST: Final = 2.5
DARKER, BRIGHTER = 0.15, 0.3
"""As a share of its light, how much darker and brighter such an edge makes a pixel."""
PARTING: Final = 0.75
"""How much of their contrast teeth part with where the mouth is as even as teeth are."""
UNLIKE: Final = 0.62
"""Where the light of mouth and drawn teeth, the whole mouth's aside, differs by this ratio, none part any more."""
RED: Final = (0.75, 0.95)
"""Green over red of what is no tooth, and of what may be one."""
LIPS: Final = (4, 1)
"""Pixels of the crop at the lips, to the sides and below, that show no edge: drawn gums end there, real ones seldom."""
FLOOR: Final = 8.0
"""Levels of 255 that the dark is taken for brighter: what can hardly be seen has no edges."""
# All of it was chosen on five clips of four training people, and looked at on seven of five others.


class TeethEdges:
    """The edges of teeth drawn in a part of a picture, kept while something softer is drawn there.

    What is not an edge is found for two by two pixels at once.
    """

    def __init__(self, drawn: U8, share: F32, scale: float) -> None:
        """Take what is drawn (height, width, 3), where edges may show (height, width), 0..1, and the crop's scale."""
        self._share, blur_px = share, EDGE_PX / scale
        self._size, self._half_blur_px = (drawn.shape[1], drawn.shape[0]), blur_px / 2
        self._side = max(round(AROUND_PX / scale / 2), 2) | 1
        light = _light(drawn)
        self._edges = light - np.asarray(cv2.GaussianBlur(light, (0, 0), blur_px), np.float32)
        self._light = _halved(light)
        self._coarse = self._blurred(self._light) + np.float32(FLOOR)
        self._mean_light = self._mean(self._light)
        varies = self._mean(self._light * self._light) - self._mean_light * self._mean_light
        self._explains = np.float32(STRONGER) / (varies + np.float32(NOISE**2))
        inner = _halved(share)
        self._inside = inner > inner.max() / 2

    def show(self, mouth: U8) -> None:
        """Show them in the mouth (height, width, 3) that is drawn there now, in place."""
        half = _halved(mouth)
        light = _light(half)
        coarse = self._blurred(light) + np.float32(FLOOR)
        explained = self._enlarged(self._explained(light) / coarse)
        parted = self._enlarged(self._even(half, coarse) * np.float32(PARTING) / self._coarse)
        gain = np.clip(explained * self._edges, -DARKER, BRIGHTER) + parted * self._edges
        gain *= self._share
        # Brighter is as pale as teeth are, whatever is blurred into it.
        whiter = np.maximum(gain, 0) * self._enlarged(coarse)
        darker = np.minimum(gain, 0) + np.float32(1)
        cv2.multiply(mouth, cv2.merge([darker] * 3), dst=mouth, dtype=cv2.CV_8U)
        cv2.add(mouth, cv2.merge([whiter] * 3), dst=mouth, dtype=cv2.CV_8U)

    def _explained(self, light: F32) -> F32:
        """Return how much of the drawn contrast a mouth of this light shows, made stronger."""
        together = self._mean(light * self._light) - self._mean(light) * self._mean_light
        return np.asarray(np.minimum(np.maximum(together * self._explains, 0), np.float32(MOST)), np.float32)

    def _even(self, mouth: U8, coarse: F32) -> F32:
        """Return where a mouth (height, width, 3) is as light as drawn teeth are, and as pale, 0..1."""
        change = coarse / self._coarse
        inside = np.sort(change[self._inside])
        if len(inside):
            change /= inside[len(inside) // 2]
        alike = (np.minimum(change, 1 / change) - np.float32(UNLIKE)) * np.float32(1 / (1 - UNLIKE))
        red, green, _ = cv2.split(mouth)
        pale = cv2.divide(green, np.maximum(red, 1), dtype=cv2.CV_32F)
        pale = (pale - np.float32(RED[0])) * np.float32(1 / (RED[1] - RED[0]))
        return np.asarray(np.maximum(alike, 0) * np.minimum(np.maximum(pale, 0), 1), np.float32)

    def _mean(self, values: F32) -> F32:
        return np.asarray(cv2.blur(values, (self._side, self._side)), np.float32)

    def _blurred(self, values: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), self._half_blur_px), np.float32)

    def _enlarged(self, values: F32) -> F32:
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_LINEAR), np.float32)


def away_from_lips(mouth: U8) -> U8:
    """Return the part of a mouth's mask (S, S) in the crop that may show edges, its border soft."""
    beside, below = LIPS
    x, y, width, height = cv2.boundingRect(mouth)
    shown = np.zeros_like(mouth)
    if not width:
        return shown
    around = mouth[y : y + height, x : x + width]
    # A pixel stays where all beside it and below it are inside.
    reach = np.ones((below + 1, 2 * beside + 1), np.uint8)
    inner = cv2.erode(around, reach, anchor=(beside, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    shown[y : y + height, x : x + width] = cv2.blur(inner, (3, 3), borderType=cv2.BORDER_CONSTANT)
    return shown


def _halved(values: Any) -> Any:
    """Return the means of about two by two pixels (height, width[, channels])."""
    height, width = values.shape[:2]
    return cv2.resize(values, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_LINEAR)


def _light(rgb: U8) -> F32:
    """Return (height, width), the mean of the colours of (height, width, 3)."""
    return np.asarray(cv2.transform(rgb, np.full((1, 3), 1 / 3, np.float32)), np.float32)

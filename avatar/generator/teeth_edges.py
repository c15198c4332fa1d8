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
ONE: Final = 127
"""The byte that says that two lights, or green and red, are the same."""
# All of it was chosen on five clips of four training people, and looked at on seven of five others.
_RATIOS: Final = np.maximum(np.arange(256, dtype=np.float32), 1) / np.float32(ONE)
_ALIKE: Final = (np.minimum(_RATIOS, 1 / _RATIOS) - np.float32(UNLIKE)).clip(0) * np.float32(PARTING / (1 - UNLIKE))
_PALE: Final = ((_RATIOS - np.float32(RED[0])) / np.float32(RED[1] - RED[0])).clip(0, 1)
"""(256,), by the byte of a ratio: how much of their contrast teeth part with at that light, and the share of it left at
that paleness."""
_LIGHT: Final = np.array([[1 / 3, 1 / 3, 1 / 3, FLOOR]], np.float32)
_NONE, _MOST, _DARKEST, _BRIGHTEST = np.array([0, MOST, -DARKER, BRIGHTER], np.float32)
_REACH: Final = np.ones((LIPS[1] + 1, 2 * LIPS[0] + 1), np.uint8)


class TeethEdges:
    """The edges of teeth drawn in a part of a picture, kept while something softer is drawn there.

    What is not an edge is found for two by two pixels at once. Light is counted from `FLOOR` below black.
    """

    def __init__(self, drawn: U8, share: U8, scale: float) -> None:
        """Take what is drawn (height, width, 3), where edges may show (height, width), 0..255, and the crop's scale."""
        self._share, blur_px = share, EDGE_PX / scale
        self._size, self._half_blur_px = (drawn.shape[1], drawn.shape[0]), blur_px / 2
        self._side = max(round(AROUND_PX / scale / 2), 2) | 1
        light = _light(drawn)
        self._edges = light - cv2.GaussianBlur(light, (0, 0), blur_px)
        self._light = _light(_halved(drawn))
        self._coarse = self._blurred(self._light)
        self._mean_light = self._mean(self._light)
        varies = self._mean(self._light * self._light) - self._mean_light * self._mean_light
        self._explains = np.float32(STRONGER) / (varies + np.float32(NOISE**2))
        self._inside = share[::2, ::2] > int(cv2.minMaxLoc(share)[1]) // 2

    def show(self, mouth: U8) -> None:
        """Show them in the mouth (height, width, 3) that is drawn there now, in place."""
        half = _halved(mouth)
        light = _light(half)
        coarse = self._blurred(light)
        explained = self._enlarged(self._explained(light) / coarse)
        parted = self._enlarged(self._parted(half, coarse) / self._coarse)
        explained *= self._edges
        parted *= self._edges
        gain = np.minimum(np.maximum(explained, _DARKEST, out=explained), _BRIGHTEST, out=explained)
        gain += parted
        gain *= self._share
        # Bytes end at 0 and at 255: what becomes darker is no whiter, and the other way round.
        darker = cv2.convertScaleAbs(gain, alpha=1, beta=255)
        # Brighter is as pale as teeth are, whatever is blurred into it.
        whiter = cv2.multiply(gain, self._enlarged(coarse), scale=1 / 255, dtype=cv2.CV_8U)
        cv2.multiply(mouth, cv2.cvtColor(darker, cv2.COLOR_GRAY2RGB), dst=mouth, scale=1 / 255)
        cv2.add(mouth, cv2.cvtColor(whiter, cv2.COLOR_GRAY2RGB), dst=mouth)

    def _explained(self, light: F32) -> F32:
        """Return how much of the drawn contrast a mouth of this light shows, made stronger."""
        together = self._mean(light * self._light) - self._mean(light) * self._mean_light
        together *= self._explains
        return np.asarray(np.minimum(np.maximum(together, _NONE, out=together), _MOST, out=together), np.float32)

    def _parted(self, mouth: U8, coarse: F32) -> F32:
        """Return how much teeth part with: where a mouth (height, width, 3) is as light as drawn ones, and as pale."""
        change = coarse / self._coarse
        inside = change[self._inside]
        inside.sort()
        usual = float(inside[len(inside) // 2]) if len(inside) else 1.0
        red, green, _ = cv2.split(mouth)
        alike = cv2.LUT(cv2.convertScaleAbs(change, alpha=ONE / usual), _ALIKE)
        pale = cv2.LUT(cv2.divide(green, red, scale=ONE), _PALE)
        return np.asarray(cv2.multiply(alike, pale), np.float32)

    def _mean(self, values: F32) -> F32:
        return np.asarray(cv2.blur(values, (self._side, self._side)), np.float32)

    def _enlarged(self, values: F32) -> F32:
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _blurred(self, values: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), self._half_blur_px), np.float32)


def away_from_lips(mouth: U8) -> U8:
    """Return the part of a mouth's mask (S, S) in the crop that may show edges, its border soft."""
    x, y, width, height = cv2.boundingRect(mouth)
    shown = np.zeros(mouth.shape, np.uint8)
    if not width:
        return shown
    around = mouth[y : y + height, x : x + width]
    # A pixel stays where all beside it and below it are inside.
    inner = cv2.erode(around, _REACH, anchor=(LIPS[0], 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    shown[y : y + height, x : x + width] = cv2.blur(inner, (3, 3), borderType=cv2.BORDER_CONSTANT)
    return shown


def _halved(values: Any) -> Any:
    """Return the means of about two by two pixels (height, width[, channels])."""
    height, width = values.shape[:2]
    return cv2.resize(values, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_LINEAR)


def _light(rgb: U8) -> F32:
    """Return (height, width), the mean of the colours of (height, width, 3), and `FLOOR` on top."""
    return np.asarray(cv2.transform(rgb, _LIGHT), np.float32)

"""A network's layers brought up to a picture that is finer than its crop, led by the moved photo.

What the network draws is known every crop pixel only; enlarged, it is blurred beside skin and hair that are the photo
itself. Where it draws what the moved photo shows there too, though, lids, lashes, lips, the photo knows their edges at
the picture's own resolution. Locally what is drawn is a linear function of the photo: as much of it as that explains
comes from the photo again, the rest stays the network's (guided upsampling: He, Sun: "Fast Guided Filter",
arXiv:1505.00996, 2015). Seen at the crop's resolution nothing changes.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.types import F32, U8

AROUND: Final = 3
"""Side, in pairs of crop pixels, of the square in which the photo explains what is drawn: about a lid's height."""
NOISE: Final = 4.0
"""Contrast of the photo, levels of 255, that explains half as much as it could: less is grain."""
CRISPER: Final = 0.4
"""How much of the finest contrast of what the photo does not explain is added to it, for its enlarging loses that."""


def led_by_photo(layers: FrameLayers, photo: U8, own: U8 | None = None) -> FrameLayers:
    """Return layers that let through as much of the photo as explains what they draw.

    Args:
        layers: `add` and `keep` (height, width, 4) of the part that pixels are drawn in.
        photo: (height, width, 3) RGB, the moved photo there, shifted and toned.
        own: (height, width), 255 where all is to stay the network's.
    """
    guide = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2RGBA), np.uint8)
    drawn = np.asarray(cv2.add(cv2.multiply(guide, layers.keep, scale=1 / 255), layers.add), np.uint8)
    explained = _explained(guide, drawn)
    if own is not None:
        explained = cv2.multiply(explained, cv2.bitwise_not(own), scale=1 / 255)
    # Where what is drawn is darker than its share of the photo, nothing could be added to make up for that.
    darker = cv2.divide(drawn, guide, scale=255)
    darkest = cv2.min(cv2.min(*(cv2.extractChannel(darker, c) for c in (0, 1))), cv2.extractChannel(darker, 2))
    share = cv2.min(explained, darkest)
    keep = np.asarray(cv2.max(layers.keep, cv2.merge([share] * 4)), np.uint8)
    add = np.asarray(cv2.subtract(drawn, cv2.multiply(guide, keep, scale=1 / 255)), np.uint8)
    return layers._replace(add=_crisper(add, drawn, keep), keep=keep)


def _explained(guide: U8, drawn: U8) -> Any:
    """Return how much of a picture is explained by another where it follows it, 0..255, (height, width) of bytes.

    It is smooth, and found for two by two pixels at once.
    """
    photo, made = (_half_grey(rgba) for rgba in (guide, drawn))
    photo_mean, made_mean = _mean(photo), _mean(made)
    varies = _mean(photo * photo) - photo_mean * photo_mean
    together = _mean(photo * made) - photo_mean * made_mean
    slope = np.asarray(np.clip(together / (varies + np.float32(NOISE**2)), 0, 1), np.float32)
    share = np.rint(_mean(slope) * np.float32(255)).astype(np.uint8)
    return cv2.resize(share, (guide.shape[1], guide.shape[0]), interpolation=cv2.INTER_LINEAR)


def _half_grey(rgba: U8) -> F32:
    grey = cv2.cvtColor(rgba, cv2.COLOR_RGBA2GRAY)
    half = cv2.resize(grey, (rgba.shape[1] // 2, rgba.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)


def _crisper(add: U8, drawn: U8, keep: U8) -> U8:
    """Return what is added with the finest contrast of what is drawn raised where little of the photo is kept."""
    coarse, own = cv2.GaussianBlur(drawn, (5, 5), 1.0), cv2.bitwise_not(keep)
    # In bytes, what is brighter and what is darker apart: half the time of numbers with a sign.
    brighter, darker = cv2.subtract(drawn, coarse), cv2.subtract(coarse, drawn)
    more, less = (cv2.multiply(finest, own, scale=CRISPER / 255) for finest in (brighter, darker))
    return np.asarray(cv2.subtract(cv2.add(add, more), less), np.uint8)


def _mean(values: F32) -> F32:
    return np.asarray(cv2.blur(values, (AROUND, AROUND)), np.float32)

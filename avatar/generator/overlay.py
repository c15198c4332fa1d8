"""Pictures with a premultiplied share of their own, laid over others."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.types import U8

_ALPHA: Final = np.array([0, 0, 0, 255], np.uint8).view(np.uint32)
"""The bits of a pixel's alpha where its four bytes are taken as one number."""


def overlay(rgba: U8, below: U8, into: U8 | None = None) -> U8:
    """Lay a premultiplied RGBA picture (height, width, 4) over one of RGB (height, width, 3), `into` a picture of RGB.

    `below` may have a fourth channel, 255 everywhere: then it need not be given one here.
    """
    if below.shape[2] == 3:
        below = np.asarray(cv2.cvtColor(below, cv2.COLOR_RGB2RGBA), np.uint8)
    # What the upper one leaves of it as its alpha, by which OpenCV multiplies quicker than pictures by each other.
    left = rgba.view(np.uint32) & _ALPHA
    left ^= below.view(np.uint32)
    behind = left.view(np.uint8)
    cv2.cvtColor(behind, cv2.COLOR_RGBA2mRGBA, dst=behind)
    return np.asarray(cv2.cvtColor(cv2.add(rgba, behind, dst=behind), cv2.COLOR_RGBA2RGB, dst=into), np.uint8)

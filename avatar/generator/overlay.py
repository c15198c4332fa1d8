"""Pictures with a premultiplied share of their own, laid over others."""

from __future__ import annotations

import cv2
import numpy as np

from avatar.types import U8


def overlay(rgba: U8, below: U8, into: U8 | None = None) -> U8:
    """Lay a premultiplied RGBA picture (height, width, 4) over an RGB one (height, width, 3), `into` a picture."""
    behind = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(rgba, 3)), cv2.COLOR_GRAY2RGB)
    cv2.multiply(below, behind, dst=behind, scale=1 / 255)
    return np.asarray(cv2.add(behind, cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), dst=into), np.uint8)

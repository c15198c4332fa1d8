"""Pictures and fields sampled at the places of a backward map."""

from __future__ import annotations

from typing import Any

import cv2

from avatar.types import F32, U8


def sample(values: F32 | U8, places: F32, *, flags: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> Any:
    """Return `values` (height, width[, channels]) at `places` (h, w, 2), (x, y) pixels, as (h, w[, channels]).

    Of four channels of 8 bits OpenCV samples twice as many pixels a second as of three.
    """
    remap: Any = cv2.remap  # its type hints know of no map with both coordinates
    return remap(values, places, None, flags, borderMode=border)

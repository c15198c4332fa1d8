"""Pictures to encode: a face that sways, with a little camera noise."""

from __future__ import annotations

import cv2
import numpy as np

from avatar.config import LimitSettings
from avatar.identities.builtin import builtin_face
from avatar.media.photo import read_photo

_PORTRAIT = read_photo(builtin_face("astronaut").image.read_bytes(), LimitSettings())


def picture(index: int, width: int = 320, height: int = 320) -> np.ndarray:
    """The one of that number, as I420."""
    shift = np.array([[1, 0, 8 * np.sin(index / 5)], [0, 1, 6 * np.cos(index / 7)]], np.float32)
    rgb = cv2.warpAffine(cv2.resize(_PORTRAIT, (width, height)), shift, (width, height), borderMode=2)
    noise = np.random.default_rng(index).integers(-3, 4, rgb.shape)
    return cv2.cvtColor(np.clip(rgb.astype(int) + noise, 0, 255).astype(np.uint8), cv2.COLOR_RGB2YUV_I420)

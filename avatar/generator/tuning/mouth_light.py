"""How bright the inside of a mouth is beside the skin around it: what tells dark mouths from those full of teeth."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.generator.network_input import REGIONS, region_masks
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.types import F32, U8

FEWEST_PIXELS: Final = 40
"""A mouth that covers fewer pixels of the crop is shut."""
DARK: Final = 0.6
"""Below this share of the skin's brightness a mouth is dark: a third of the open ones in our clips are."""
EDGE_PX: Final = 1
"""So much of the opening's rim is lip."""


def mouth_light(rgb: U8, landmarks: F32) -> float:
    """Return the brightness inside the lips over the face's median, NaN where the mouth is shut.

    Args:
        rgb: (S, S, 3) face crop.
        landmarks: (478, 3), pixels of the crop.
    """
    masks = region_masks(landmarks, rgb.shape[0])
    rim = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    inside = cv2.erode(masks[REGIONS.index("mouth")], rim) > 127
    if inside.sum() < FEWEST_PIXELS:
        return float("nan")
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    skin = float(np.median(grey[masks[REGIONS.index("face")] > 127]))
    return float(grey[inside].mean()) / max(skin, 1.0)


def mouth_lights(clip: PackedClip) -> F32:
    """Return `mouth_light` of each of a clip's n frames, (n,)."""
    pairs = zip(clip.rgb, clip.tracks.landmarks, strict=True)
    return np.array([mouth_light(rgb, landmarks) for rgb, landmarks in pairs], np.float32)

"""Other light, another camera, other teeth: what photo and target of one example are changed by alike.

A few dozen people are soon known by heart. What a face has of its own and one photo shows, its colours and light, is
changed at random, and so is how bright its mouth is inside: that follows from the mouth, not from whose face it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.generator.network_input import REGIONS, region_masks
from avatar.types import F32, U8

SIDE_LIGHT: Final = 0.12
"""Standard deviation of how much brighter the light is at one border of the crop than in its middle."""
MOUTH_LIGHT: Final = 0.2
"""Standard deviation of the logarithm of the mouth's own light: teeth and caves differ from person to person."""
MOUTH_EDGE_PX: Final = 5
"""Over so many pixels the mouth's light fades at the lips; odd."""


@dataclass(frozen=True, slots=True)
class Lighting:
    """A light and a camera's colours, the same for photo and target."""

    table: U8
    """(3, 256): gain, offset and gamma by channel."""
    side: F32
    """(S, S): what pixels are multiplied by for where they lie."""
    mouth: float
    """What the mouth's inside is multiplied by."""

    def of(self, rgb: U8, landmarks: F32) -> U8:
        """Return a crop (S, S, 3) with (478, 3) landmarks in this light."""
        mask = region_masks(landmarks, rgb.shape[0])[REGIONS.index("mouth")]
        inside = cv2.blur(mask, (MOUTH_EDGE_PX, MOUTH_EDGE_PX)).astype(np.float32) * np.float32(1 / 255)
        gain = self.side * (1 + np.float32(self.mouth - 1) * inside)
        coloured = np.stack([self.table[channel][rgb[..., channel]] for channel in range(3)], axis=-1)
        return np.asarray(cv2.multiply(coloured, cv2.merge([gain] * 3), dtype=cv2.CV_8U), np.uint8)


def random_lighting(rng: np.random.Generator, size: int) -> Lighting:
    """Return a lighting by chance for crops of a side of `size` pixels."""
    level = np.arange(256) / 255
    gamma = np.exp(rng.normal(0, 0.2))
    gains = rng.uniform(0.75, 1.2) * rng.uniform(0.88, 1.12, 3)
    table = 255 * (gains[:, None] * level**gamma + rng.uniform(-0.04, 0.04))
    steps = np.linspace(-1, 1, size)
    across, down = rng.normal(0, SIDE_LIGHT, 2)
    side = (1 + across * steps)[None, :] * (1 + down / 2 * steps)[:, None]
    return Lighting(
        np.clip(np.rint(table), 0, 255).astype(np.uint8),
        np.clip(side, 0.5, 1.6).astype(np.float32),
        float(np.exp(rng.normal(0, MOUTH_LIGHT))),
    )

"""How far a head made from one photo may move and still be believed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from avatar.types import F32

ROTATION_LIMITS: Final = np.radians(np.array([[14.0, 22.0], [18.0, 30.0], [20.0, 32.0]])).astype(np.float32)
"""Pitch, yaw, roll: free up to the first angle, never beyond the second. A warped photo shows nothing new beyond."""
TRANSLATION_LIMITS: Final = (0.25, 0.55)
"""Head units; the body stays where it is, so the neck must bridge the rest."""
SCALE_LIMITS: Final = (0.08, 0.2)
"""Change of size as a natural logarithm."""


def soft_limit(value: float, knee: float, ceiling: float) -> float:
    """Return `value` unchanged up to +-`knee`, then bent smoothly so that it stays within +-`ceiling`.

    Slope is continuous at the knee: a limited head still answers every move, only less.
    """
    size, room = abs(value), ceiling - knee
    return math.copysign(min(size, knee) + room * math.tanh(max(size - knee, 0.0) / room), value)


def limit_rotation(rotation: F32) -> F32:
    """Limit a (3,) rotation vector in radians, axis by axis."""
    limits = zip(rotation.tolist(), ROTATION_LIMITS.tolist(), strict=True)
    return np.array([soft_limit(angle, *limit) for angle, limit in limits], np.float32)


def limit_translation(translation: F32) -> F32:
    """Limit a (2,) translation in head units."""
    return np.array([soft_limit(way, *TRANSLATION_LIMITS) for way in translation.tolist()], np.float32)


def limit_scale(scale: float) -> float:
    """Limit a size relative to rest."""
    return math.exp(soft_limit(math.log(max(scale, 1e-3)), *SCALE_LIMITS))

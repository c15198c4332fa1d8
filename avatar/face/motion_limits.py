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


def soft_limit(value: F32 | float, knee: F32 | float, ceiling: F32 | float) -> F32:
    """Return `value` unchanged up to +-`knee`, then bent smoothly so that it stays within +-`ceiling`.

    Slope is continuous at the knee: a limited head still answers every move, only less.
    """
    size = np.abs(value)
    room = ceiling - knee
    limited = np.minimum(size, knee) + room * np.tanh(np.maximum(size - knee, 0) / room)
    return np.copysign(limited, value, dtype=np.float32)


def limit_rotation(rotation: F32) -> F32:
    """Limit a (3,) rotation vector in radians, axis by axis."""
    return soft_limit(rotation, ROTATION_LIMITS[:, 0], ROTATION_LIMITS[:, 1])


def limit_translation(translation: F32) -> F32:
    """Limit a (2,) translation in head units."""
    return soft_limit(translation, *TRANSLATION_LIMITS)


def limit_scale(scale: float) -> float:
    """Limit a size relative to rest."""
    return math.exp(soft_limit(math.log(max(scale, 1e-3)), *SCALE_LIMITS))

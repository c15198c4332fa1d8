"""How far a head made from one photo may move and still be believed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from avatar.types import F32

ROTATION_LIMITS: Final = np.radians(np.array([[14.0, 22.0], [18.0, 30.0], [20.0, 32.0]])).astype(np.float32)
"""Pitch, yaw, roll: free up to the first angle, never beyond the second. A warped photo shows nothing new beyond."""
TURNED_BACK: Final = 1.4
"""So much less may a head turn back for each degree that its photo is turned already: cheek, brow and temple on the far
side are slivers there, which would be stretched wide. Looked at on four people turned by 7 to 25 degrees."""
LEAST_TURN: Final = math.radians(10)
"""However far the photo is turned."""
FARTHEST_TURN: Final = math.radians(42)
"""Of photo and head together: beyond, the nose covers the far eye, of which it is not known what to show."""
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


def limit_rotation(rotation: F32, photo_turn: float = 0.0) -> F32:
    """Limit a (3,) rotation vector in radians, axis by axis.

    `photo_turn` is how far the photo's head is turned to the picture's left, radians: back from there it may turn less.
    """
    pitch, yaw, roll = ROTATION_LIMITS.tolist()
    yaw = _turn_limit(yaw, rotation[1] * photo_turn < 0, abs(photo_turn))
    limits = zip(rotation.tolist(), (pitch, yaw, roll), strict=True)
    return np.array([soft_limit(angle, *limit) for angle, limit in limits], np.float32)


def _turn_limit(usual: list[float], back: bool, photo_turn: float) -> tuple[float, float]:
    """Return up to where a turn is free and where it ends: `back` towards the camera, or further away from it."""
    knee, ceiling = usual
    there_is = ceiling - TURNED_BACK * photo_turn if back else FARTHEST_TURN - photo_turn
    allowed = min(max(there_is, LEAST_TURN), ceiling)
    return knee * allowed / ceiling, allowed


def limit_translation(translation: F32) -> F32:
    """Limit a (2,) translation in head units."""
    return np.array([soft_limit(way, *TRANSLATION_LIMITS) for way in translation.tolist()], np.float32)


def limit_scale(scale: float) -> float:
    """Limit a size relative to rest."""
    return math.exp(soft_limit(math.log(max(scale, 1e-3)), *SCALE_LIMITS))

"""Soft ways from one value to another: thresholds without corners, and goals that are reached in time."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from avatar.types import F32

Share = TypeVar("Share", float, F32, NDArray[np.float64])


def ease(share: Share) -> Share:
    """Return a share, 0..1, eased at both ends: 3 s^2 - 2 s^3, the smooth-step cubic."""
    return share * share * (3 - 2 * share)


def smooth_step(value: F32 | NDArray[np.float64], low: float, high: float) -> F32:
    """Return 0 up to `low`, 1 from `high` on, a cubic without corners between; `high` below `low` turns it round."""
    return np.asarray(ease(np.clip((value - low) / (high - low), 0, 1)), np.float32)


def towards(now: F32, goal: F32, elapsed_s: float, constant_s: float) -> F32:
    """Return what goes to a goal with a time constant, after some time."""
    return np.asarray(now + np.float32(1 - np.exp(-elapsed_s / constant_s)) * (goal - now), np.float32)


def approach(now: float, goal: float, elapsed_s: float, up_s: float, down_s: float) -> float:
    """Return what goes to a goal at a steady pace: a whole unit upwards takes `up_s`, downwards `down_s`."""
    step = elapsed_s / (up_s if goal > now else down_s)
    return now + min(max(goal - now, -step), step)

"""Soft thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.types import F32


def smooth_step(value: F32 | NDArray[np.float64], low: float, high: float) -> F32:
    """Return 0 up to `low`, 1 from `high` on, a cubic without corners between; `high` below `low` turns it round."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)

"""Which of a person's photos shows best what the next picture needs: the one with the nearest expression."""

from __future__ import annotations

from typing import Final

import numpy as np

from avatar.types import BLENDSHAPES, F32

OTHER_WEIGHT: Final = 0.2
MOUTH_WEIGHT: Final = 1.0
JAW_WEIGHT: Final = 2.0
"""Weights of a difference in coefficients: what an open mouth shows is what a photo has and geometry has not."""


def nearest_reference(expression: F32, references: F32) -> int:
    """Return which of the (K, 52) reference expressions is nearest to an expression (52,)."""
    return int(np.argmin((EXPRESSION_WEIGHTS * (references - expression) ** 2).sum(axis=1)))


def _weight(name: str) -> float:
    if name == "jawOpen":
        return JAW_WEIGHT
    return MOUTH_WEIGHT if name.startswith("mouth") else OTHER_WEIGHT


EXPRESSION_WEIGHTS: Final = np.array([_weight(name) for name in BLENDSHAPES], np.float32)
"""(52,)."""

"""Whether the driver before the camera is talking, as their lips show: then lips part by their will alone."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from avatar.face import mesh
from avatar.face.easing import approach
from avatar.face.expression_basis import load_basis
from avatar.types import F32, Motion

PARTED: Final = 0.03
"""Lips further apart than at rest by this much of the distance between the eyes are parted: three times the tracker's
noise, a quarter of a clear vowel's opening."""
BEGINS_S, ENDS_S = 0.12, 1.0
"""How fast lips that part count as talk, and how slowly lips that are shut cease to: p, b and m take a tenth of it."""


def next_talking(talking: float, camera: Motion | None, elapsed_s: float) -> float:
    """Return how surely the driver is talking, 0..1, some time after it was `talking`. Pure."""
    parted = camera is not None and lip_gap(camera) > PARTED
    return approach(talking, float(parted), elapsed_s, BEGINS_S, ENDS_S)


def lip_gap(motion: Motion) -> float:
    """Return how far a motion parts the inner lips beyond their rest, in head units."""
    gap = float(motion.blendshapes @ _gap_by_coefficient())
    if motion.residual is not None:
        gap += float(motion.residual[mesh.LOWER_LIP_CENTRE, 1] - motion.residual[mesh.UPPER_LIP_CENTRE, 1])
    return gap


@cache
def _gap_by_coefficient() -> F32:
    """Return (52,), how far each coefficient parts the inner lips, in head units."""
    heights = load_basis().offsets[:, :, 1]
    return np.ascontiguousarray(heights[:, mesh.LOWER_LIP_CENTRE] - heights[:, mesh.UPPER_LIP_CENTRE])

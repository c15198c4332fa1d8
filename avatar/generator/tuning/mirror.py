"""Left and right of the face: which landmark and which blendshape become which when a picture is mirrored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32

_MIRROR_X = np.array([-1.0, 1.0, 1.0], np.float32)


def mirrored_blendshapes() -> NDArray[np.intp]:
    """Return (52,): `blendshapes[..., mirrored_blendshapes()]` are the coefficients of the mirrored face."""
    swap = {"Left": "Right", "Right": "Left"}
    names = []
    for name in BLENDSHAPES:
        side = next((side for side in swap if name.endswith(side)), None)
        names.append(name if side is None else name.removesuffix(side) + swap[side])
    return np.array([BLENDSHAPE_INDEX[name] for name in names])


def mirrored_landmarks(head: F32) -> NDArray[np.intp]:
    """Return (478,): which landmark lies where each one is seen in the mirror, from a head (478, 3) in its own frame.

    Each landmark is matched to one other (Hungarian method) so that the mirrored head falls onto itself.

    Raises:
        ValueError: the match is not its own inverse, so the head is too lopsided to tell.
    """
    seen = head * _MIRROR_X
    distance = np.linalg.norm(seen[:, None] - head[None], axis=2) ** 2
    # The five points of each iris may turn in their ring: the outer four pair up by where they lie, like all others.
    match: NDArray[np.intp] = linear_sum_assignment(distance)[1]
    if not np.array_equal(match[match], np.arange(len(head))):
        raise ValueError("The head is too lopsided to pair its left and right landmarks.")
    return match


def mirror_head(head: F32, partner: NDArray[np.intp]) -> F32:
    """Return landmarks (..., 478, 3) in the head frame as the mirror shows them, in the usual order of landmarks."""
    mirrored: F32 = head[..., partner, :] * _MIRROR_X
    return mirrored

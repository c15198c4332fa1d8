"""Distance between two faces' resting shapes, from landmarks alone: whether they can be one person's.

A weak witness, good for the clear cases only: `docs/refine.md` has its error rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from avatar.face.expression_basis import load_basis
from avatar.face.mesh import RIGHT_IRIS
from avatar.face.pose import fit_pose, to_head_frame
from avatar.types import F32

UNLIKE: Final = 0.04
"""Shapes further apart than this, in head units, make it doubtful that they are one person's."""
FOREIGN: Final = 0.06
"""Shapes further apart than this are two people's; `docs/refine.md` says how sure that is."""


def resting_shape(landmarks_px: F32, blendshapes: F32) -> F32:
    """Return a face's shape (468, 2), head units, with its turn and (by the expression basis) its expression undone.

    Args:
        landmarks_px: (478, 3).
        blendshapes: (52,), 0..1.
    """
    head = to_head_frame(landmarks_px, fit_pose(landmarks_px))
    return np.asarray((head - load_basis().displacement(blendshapes))[: RIGHT_IRIS[0], :2], np.float32)


def usual_shape(shapes: Sequence[F32]) -> F32:
    """Return the median of shapes: a few frames read wrongly do not bend it."""
    return np.median(np.array(shapes), axis=0).astype(np.float32)


def shape_distance(first: F32, second: F32) -> float:
    """Return the root mean square distance between two shapes, head units."""
    return float(np.sqrt(((first - second) ** 2).sum(axis=1).mean()))

"""The linear expression basis: how far each landmark moves for each blendshape coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from avatar.errors import ModelError
from avatar.resources import load_weights
from avatar.types import BLENDSHAPES, F32, LANDMARK_COUNT


@dataclass(frozen=True, slots=True)
class ExpressionBasis:
    """Fitted by `training.fit_basis`; `models/face_basis.md` says on what and how well."""

    offsets: F32
    """(52, 478, 3), head units per unit coefficient, in the head's frame."""

    def displacement(self, blendshapes: F32) -> F32:
        """Return the (478, 3) landmark offsets of (52,) coefficients, in head units."""
        return np.asarray((blendshapes @ self.offsets.reshape(len(blendshapes), -1)).reshape(-1, 3), np.float32)


@cache
def load_basis() -> ExpressionBasis:
    """Return the basis shipped with the package.

    Raises:
        ModelError: the file is missing, damaged, or has another shape.
    """
    name = "face_basis.safetensors"
    offsets = load_weights(name)["blendshapes"]
    if offsets.shape != (len(BLENDSHAPES), LANDMARK_COUNT, 3):
        raise ModelError(f"{name} has shape {offsets.shape}: not this version's expression basis.")
    return ExpressionBasis(np.ascontiguousarray(offsets, np.float32))

"""From our motion to LivePortrait's: a linear map, fitted to what its own motion extractor reads from our pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open

from avatar.errors import ModelError
from avatar.face.implicit_keypoints import POINTS
from avatar.models.tensor_file import write_tensor_file
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32

FORMAT: Final = "avatar-liveportrait-map"
VERSION: Final = "1"
OPENINGS: Final = tuple(
    BLENDSHAPE_INDEX[name]
    for name in ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthClose", "mouthLowerDownLeft", "mouthLowerDownRight")
)
"""Coefficients that only say how far lids and lips are open: the eye and lip networks do that, and more exactly."""
PENALTY: Final = 5e-4
"""Of ridge regression, for each picture: coefficients that are seldom drawn stay small."""
SHAPES: Final = {"expression": (len(BLENDSHAPES), POINTS, 3), "rotation": (3, 3)}


@dataclass(frozen=True, slots=True)
class ExpressionMap:
    """How our coefficients and turns look to LivePortrait."""

    expression: F32
    """(52, 21, 3): offsets of its keypoints for each coefficient."""
    rotation: F32
    """(3, 3): our rotation vectors to its own, both in radians in camera axes."""

    def offsets(self, blendshapes: F32) -> F32:
        """Return the (21, 3) offsets of (52,) changes from rest, lids and lips no more open than there."""
        shown = blendshapes.copy()
        shown[list(OPENINGS)] = 0
        return np.asarray(np.tensordot(shown, self.expression, 1), np.float32)


def unfitted_map() -> ExpressionMap:
    """Return the map before it is fitted: turns as they are, and no expression but what lids and lips do."""
    return ExpressionMap(np.zeros(SHAPES["expression"], np.float32), np.eye(3, dtype=np.float32))


def fit_map(blendshapes: F32, offsets: F32, rotations: F32, read_rotations: F32) -> ExpressionMap:
    """Return the map that explains best what was read from pictures drawn with known motions.

    Args:
        blendshapes: (N, 52), what was drawn.
        offsets: (N, 21, 3), what the motion extractor read, less what it read at rest.
        rotations: (N, 3), rotation vectors that were drawn.
        read_rotations: (N, 3), and read.
    """
    kept = blendshapes.astype(np.float64)
    gram = kept.T @ kept + PENALTY * len(kept) * np.eye(kept.shape[1])
    expression = np.linalg.solve(gram, kept.T @ offsets.reshape(len(offsets), -1))
    turn = np.linalg.lstsq(rotations.astype(np.float64), read_rotations.astype(np.float64), rcond=None)[0]
    return ExpressionMap(expression.reshape(SHAPES["expression"]).astype(np.float32), turn.T.astype(np.float32))


def write_map(path: Path, fitted: ExpressionMap) -> None:
    """Write a map. Raises OSError."""
    arrays = {"expression": fitted.expression, "rotation": fitted.rotation}
    write_tensor_file(path, arrays, {"format": FORMAT, "version": VERSION})


def read_map(path: Path) -> ExpressionMap:
    """Return the map of a file.

    Raises:
        ModelError: it is missing, damaged, or something else.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in SHAPES}
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: make it with avatar models pull liveportrait.") from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged ({error}): remove it and run avatar models pull liveportrait.") from error
    fits = all(arrays[name].shape == shape and np.isfinite(arrays[name]).all() for name, shape in SHAPES.items())
    if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION) or not fits:
        raise ModelError(f"{path} is no map of this version: remove it and run avatar models pull liveportrait.")
    return ExpressionMap(arrays["expression"].astype(np.float32), arrays["rotation"].astype(np.float32))

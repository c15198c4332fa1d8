"""How well an expression basis does on clips: variance explained by region, and how far it opens mouth and lids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.face.mesh import (
    LEFT_EYE_OPENING,
    LEFT_IRIS,
    LOWER_LIP_CENTRE,
    RIGHT_EYE_OPENING,
    RIGHT_IRIS,
    UPPER_LIP_CENTRE,
)
from avatar.types import F32, LANDMARK_COUNT
from training.basis import HeadTrack

LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324,
)  # fmt: skip
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
REGIONS = {
    "lips": LIPS,
    "lids": (*RIGHT_EYE_OPENING, *LEFT_EYE_OPENING),
    "irises": (*RIGHT_IRIS, *LEFT_IRIS),
    "brows": BROWS,
    "whole face": tuple(range(LANDMARK_COUNT)),
}


@dataclass(frozen=True, slots=True)
class Measures:
    """How well a basis does on clips."""

    explained: dict[str, float]
    """Share of the variance within clips that it explains, by region."""
    mouth_gain: float
    lid_gain: float


def measure(tracks: Sequence[HeadTrack], offsets: F32) -> Measures:
    """Return the measures of a basis (52, 478, 3) on tracks in the head frame."""
    return Measures(
        {name: explained(tracks, offsets, np.array(landmarks)) for name, landmarks in REGIONS.items()},
        opening_gain(tracks, offsets, UPPER_LIP_CENTRE, LOWER_LIP_CENTRE),
        opening_gain(tracks, offsets, 159, 145),
    )


def explained(tracks: Sequence[HeadTrack], offsets: F32, landmarks: NDArray[np.intp]) -> float:
    """Return the share of the variance of `landmarks` within clips that the basis explains (1: all, all axes)."""
    total = left = 0.0
    for track in tracks:
        moves = (track.heads - track.heads.mean(0))[:, landmarks]
        changes = track.blendshapes - track.blendshapes.mean(0)
        rest = moves - np.tensordot(changes, offsets[:, landmarks], axes=1)
        total += float((moves.astype(np.float64) ** 2).sum())
        left += float((rest.astype(np.float64) ** 2).sum())
    return 1.0 - left / total


def opening_gain(tracks: Sequence[HeadTrack], offsets: F32, upper: int, lower: int) -> float:
    """Return how far the basis opens a gap (mouth, lids) between two landmarks per measured opening (slope, 1: all)."""
    measured, given = [], []
    for track in tracks:
        moves = track.heads - track.heads.mean(0)
        changes = track.blendshapes - track.blendshapes.mean(0)
        measured.append(moves[:, lower, 1] - moves[:, upper, 1])
        given.append(changes @ (offsets[:, lower, 1] - offsets[:, upper, 1]))
    x, y = np.concatenate(measured).astype(np.float64), np.concatenate(given).astype(np.float64)
    return float((x * y).sum() / (x * x).sum())

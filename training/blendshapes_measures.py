"""How near a network comes to MediaPipe's blendshapes on tracks of clips, which are MediaPipe's own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.generator.tuning.face_tracks import Track
from avatar.perception.distilled_blendshapes import MEASURED, DistilledBlendshapes
from avatar.types import BLENDSHAPES, F32

GROUPS: Final = {
    "blinks": ("eyeBlink",),
    "gaze": ("eyeLook",),
    "jaw": ("jaw",),
    "lips": ("mouth",),
    "brows": ("brow",),
    "all others": ("cheek", "eyeSquint", "eyeWide", "nose"),
}
"""Coefficients by how their names begin."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Absolute differences from MediaPipe's answers, coefficients of 0..1."""

    frames: int
    median: float
    p95: float
    p99: float
    worst: float
    p95_by_coefficient: F32
    """(51,)."""
    p99_by_coefficient: F32
    p95_by_group: dict[str, float]
    p99_by_group: dict[str, float]
    trembling: float
    """Mean second difference from frame to frame, over that of MediaPipe's answers."""


def measure(network: DistilledBlendshapes, tracks: Sequence[Track]) -> Measures:
    """Compare a network with the tracks' own blendshapes."""
    answers = [np.stack([network(points)[:MEASURED] for points in track.landmarks_px]) for track in tracks]
    theirs = [track.blendshapes[:, :MEASURED] for track in tracks]
    apart = np.concatenate([np.abs(own - their) for own, their in zip(answers, theirs, strict=True)])
    named = {
        group: [BLENDSHAPES[place].startswith(beginnings) for place in range(MEASURED)]
        for group, beginnings in GROUPS.items()
    }
    return Measures(
        frames=len(apart),
        median=float(np.median(apart)),
        p95=float(np.quantile(apart, 0.95)),
        p99=float(np.quantile(apart, 0.99)),
        worst=float(apart.max()),
        p95_by_coefficient=np.quantile(apart, 0.95, axis=0).astype(np.float32),
        p99_by_coefficient=np.quantile(apart, 0.99, axis=0).astype(np.float32),
        p95_by_group={group: float(np.quantile(apart[:, columns], 0.95)) for group, columns in named.items()},
        p99_by_group={group: float(np.quantile(apart[:, columns], 0.99)) for group, columns in named.items()},
        trembling=_trembling(answers) / max(_trembling(theirs), 1e-9),
    )


def _trembling(parts: Sequence[F32]) -> float:
    """Return the mean absolute second difference from frame to frame, (n, 51) each."""
    return float(np.concatenate([np.abs(np.diff(part, 2, axis=0)) for part in parts if len(part) > 2]).mean())

"""What keeps drawn parts from flickering: while the face holds still, each frame leans on the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.types import F32

STILL_SHARE: Final = 0.6
"""How much of the last frame's layers a still face keeps: noise of 1 falls to 0.5."""
STILL_PX: Final = 0.35
"""Motion within the head's crop, in pixels of 256 a frame, at which that has fallen to 37 %: a tracker's jitter."""
FASTEST_SHARE: Final = 98.0
"""Percentile of the landmarks' motion that counts: one blinking eye must not lean on the open one."""


@dataclass(frozen=True, slots=True)
class AnchorState:
    """The last frame: its layers and landmarks (478, 3) in the crop."""

    layers: FrameLayers
    landmarks: F32


def anchored(last: AnchorState | None, layers: FrameLayers, landmarks: F32) -> tuple[AnchorState, FrameLayers]:
    """Return the next state and the layers to show: the new ones, steadied by the last as far as the face is still.

    The crop moves with the head, so a turning or shifting head is no motion here as long as its face holds still.
    """
    if last is None:
        return AnchorState(layers, landmarks), layers
    moved = np.linalg.norm(landmarks[:, :2] - last.landmarks[:, :2], axis=1)
    share = float(STILL_SHARE * np.exp(-((float(np.percentile(moved, FASTEST_SHARE)) / STILL_PX) ** 2)))
    if share > 0.02:
        layers = FrameLayers(*(_between(new, old, share) for new, old in zip(layers, last.layers, strict=True)))
    return AnchorState(layers, landmarks), layers


def _between(new: F32, old: F32, share: float) -> F32:
    return np.asarray(cv2.addWeighted(new, 1 - share, old, share, 0), np.float32)

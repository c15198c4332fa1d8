"""Temporal filter of the network's layers: while the face holds still, each frame is mixed with the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.types import F32

STILL_SHARE: Final = 0.6
"""How much of the last frame's layers a still face keeps: noise of 1 falls to 0.5."""
STILL_PX: Final = 0.35
"""Motion within the head's crop, in pixels of 256 a frame, at which that has fallen to 37 %: a tracker's jitter."""
FASTEST_SHARE: Final = 0.98
"""Share of the landmarks that move less than the motion that counts: one blinking eye must not lean on the open one."""


@dataclass(frozen=True, slots=True)
class FilterState:
    """The last filtered frame: its layers, and its landmarks (478, 3) in pixels of the crop."""

    layers: FrameLayers
    landmarks: F32


def filter_layers(last: FilterState | None, layers: FrameLayers, landmarks: F32) -> tuple[FilterState, FrameLayers]:
    """Return the next state and the filtered layers: the new ones, mixed with the last as far as the face is still.

    The crop moves with the head, so a turning or shifting head is no motion here as long as its face holds still.
    """
    if last is None:
        return FilterState(layers, landmarks), layers
    moved = np.sort(np.hypot(*(landmarks[:, :2] - last.landmarks[:, :2]).T))
    fast = float(moved[round((len(moved) - 1) * FASTEST_SHARE)])
    share = STILL_SHARE * math.exp(-((fast / STILL_PX) ** 2))
    if share > 0.02:
        layers = FrameLayers(*(_between(new, old, share) for new, old in zip(layers, last.layers, strict=True)))
    return FilterState(layers, landmarks), layers


def _between(new: Any, old: Any, share: float) -> Any:
    return cv2.addWeighted(new, 1 - share, old, share, 0)

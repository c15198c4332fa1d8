"""In-between frames without the network: the last frame's layers, warped by the motion of the face's mesh."""

from __future__ import annotations

from typing import Final

import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.face_flow import flow_between
from avatar.generator.network_input import INNER
from avatar.generator.sampling import sample
from avatar.generator.shell import magnified
from avatar.types import F32

COARSER: Final = 4
"""The motion between two frames is smooth: it is worked out at a quarter of the crop's resolution."""


def warp_layers(layers: FrameLayers, before: F32, now: F32) -> FrameLayers:
    """Return a frame's layers warped to where the face is now; shift and tone, which are coarse, stay.

    Args:
        layers: made for the landmarks `before`.
        before, now: (478, 3) landmarks in the crop, which moves with the head.
    """
    side = CROP_SIZE // COARSER
    coarse = flow_between(_coarser(now), _coarser(before), side)
    still = np.stack(np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2))
    left, top, right, bottom = INNER
    places = magnified((coarse - still) * np.float32(COARSER), COARSER)[:, top:bottom, left:right]
    places[0] += np.arange(right - left, dtype=np.float32)
    places[1] += np.arange(bottom - top, dtype=np.float32)[:, None]
    add, keep = (np.asarray(sample(layer, places), np.uint8) for layer in (layers.add, layers.keep))
    return FrameLayers(add, keep, layers.shift, layers.tone)


def _coarser(landmarks: F32) -> F32:
    """Return landmarks of the crop as its coarser pixels count."""
    return np.asarray((landmarks + np.float32(0.5)) / np.float32(COARSER) - np.float32(0.5), np.float32)

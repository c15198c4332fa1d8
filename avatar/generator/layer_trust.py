"""How much of the network's layers is believed of a face that it was never trained on.

A face at rest needs nothing, the photo shows it: what the network shifts and tones there is its error of this person,
and part of that goes along into every other picture. So it is taken off. Of the rest of the tone, guessed light, three
quarters are believed, and skin that is neither lip nor lid is the photo's own: redrawn, it looks less like the person.

Chosen on 18 people of the training split with weights that know none of them (`models/face_network_lite.md`).
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network_input import INNER
from avatar.types import F32, U8

TONE_BELIEVED: Final = 0.75
REST_TONE: Final = 0.5
"""Share of the tone at rest that is taken off all others."""
SHIFT_REACH: Final = 0.3
"""How far the condition may be from the one at rest until e times less of the shift there is taken off."""
DRAWN_AROUND: Final = 12
"""Pixels of the crop around lips and lids that are drawn, fading from half of that on to half as much again."""
_COARSER: Final = 4
_BRUSH: Final = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * DRAWN_AROUND // _COARSER + 1,) * 2)
_FADING: Final = (DRAWN_AROUND // _COARSER,) * 2
_DRAWN: Final = tuple(np.array(part) for part in (mesh.LIPS_OUTLINE, mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING))


class LayerTrust:
    """How much of one person's layers is believed."""

    def __init__(self, at_rest: FrameLayers, condition: F32) -> None:
        """Take the layers and the condition (55,) of the face as its photo shows it."""
        self._tone = at_rest.tone * np.float32(REST_TONE)
        self._shift = at_rest.shift
        self._condition = condition

    def believed(self, layers: FrameLayers, condition: F32, landmarks: F32) -> FrameLayers:
        """Return what is believed of a frame's layers; its landmarks (478, 3) are in pixels of the crop."""
        away = float(np.linalg.norm(condition - self._condition))
        near = np.float32(math.exp(-away / SHIFT_REACH))
        drawn = cv2.merge([_drawn_part(landmarks)] * 4)
        return FrameLayers(
            add=np.asarray(cv2.multiply(layers.add, drawn, scale=1 / 255), np.uint8),
            keep=np.asarray(
                cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(layers.keep), drawn, scale=1 / 255)), np.uint8
            ),
            shift=layers.shift - near * self._shift,
            tone=np.float32(TONE_BELIEVED) * layers.tone - self._tone,
        )


def _drawn_part(landmarks: F32) -> U8:
    """Return (H, W) of the crop's inner part: 255 on lips and lids and around them, 0 further away."""
    places = np.rint((landmarks[:, :2] + 0.5) * (16 / _COARSER) - 8).astype(np.int32)
    part: U8 = np.zeros((CROP_SIZE // _COARSER,) * 2, np.uint8)
    for outline in _DRAWN:
        cv2.fillPoly(part, [places[outline]], 255, cv2.LINE_AA, 4)
    left, top, right, bottom = (side // _COARSER for side in INNER)
    soft = cv2.blur(cv2.dilate(part, _BRUSH), _FADING)[top:bottom, left:right]
    return np.asarray(cv2.resize(soft, None, fx=_COARSER, fy=_COARSER, interpolation=cv2.INTER_LINEAR), np.uint8)

"""Whether an avatar's photos are of one person: face recognition says it where it is installed, else the faces' shape.

Shape is a weak witness: it finds one stranger in nine, and hardly ever doubts a person's own photos.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from avatar.errors import TrustError
from avatar.generator.identity import Portrait
from avatar.generator.likeness import FOREIGN, resting_shape, shape_distance
from avatar.trust.likeness import FaceRecognition
from avatar.trust.live_check import LIKENESS_MOVED

STRANGER: Final = LIKENESS_MOVED
"""Photos less alike than this (`avatar.trust.likeness`) are of two people: on people to fit on 94 % of pairs of frames
of different people are, of one clip none, and of two clips of one person 1.4 %, all of one who turns and grimaces."""

_log = logging.getLogger(__name__)


def strangers(portraits: Sequence[Portrait], recognition: FaceRecognition | None = None) -> tuple[int, ...]:
    """Return which of an avatar's portraits seem to show another person than the first, counted from 0.

    `recognition` tells faces apart; None: their shapes do.
    """
    if len(portraits) < 2:
        return ()
    if recognition is not None:
        try:
            return _unlike(portraits, recognition)
        except TrustError as error:
            _log.warning("%s Photos are compared by the faces' shape.", error)
    first, *others = (resting_shape(each.landmarks_px, each.blendshapes) for each in portraits)
    return tuple(number for number, shape in enumerate(others, 1) if shape_distance(first, shape) > FOREIGN)


def _unlike(portraits: Sequence[Portrait], recognition: FaceRecognition) -> tuple[int, ...]:
    first, *others = (recognition.embed(each.rgb, each.landmarks_px) for each in portraits)
    return tuple(number for number, other in enumerate(others, 1) if float(first @ other) < STRANGER)

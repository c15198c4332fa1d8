"""Which of a person's photos shows best what the next picture needs: the one nearest in expression and turn."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from avatar.types import BLENDSHAPES, F32

Part = Literal["mouth", "eyes"]

OTHER_WEIGHT: Final = 0.2
OWN_WEIGHT: Final = 1.0
JAW_WEIGHT: Final = 2.0
BLINK_WEIGHT: Final = 2.0
"""Weights of a difference in coefficients: what an open mouth or a closed eye shows is what geometry has not."""
TURN_WEIGHT: Final = 1.0
"""Weight of a difference in head turn, per squared radian."""

LOYALTY: Final = 0.7
"""Share of the kept photo's unlikeness that counts: lenders do not flicker."""


def look(expression: F32, rotation: F32) -> F32:
    """Return the (55,) numbers photos are compared by: (52,) blendshapes and a (3,) rotation vector in radians."""
    return np.concatenate([expression, rotation]).astype(np.float32)


def nearest_reference(wanted: F32, references: F32, part: Part, *, kept: int | None = None) -> int:
    """Return which of the (K, 55) looks of photos shows a part of the face most as it is wanted (55,).

    `kept` is the photo that showed the frame before: it gives way only to one that is clearly nearer.
    """
    unlikeness = (_WEIGHTS[part] * (references - wanted) ** 2).sum(axis=1)
    if kept is not None:
        unlikeness[kept] *= LOYALTY
    return int(np.argmin(unlikeness))


def _weight(name: str, part: Part) -> float:
    if part == "mouth" and name == "jawOpen":
        return JAW_WEIGHT
    if part == "eyes" and name.startswith("eyeBlink"):
        return BLINK_WEIGHT
    return OWN_WEIGHT if name.startswith("mouth" if part == "mouth" else "eye") else OTHER_WEIGHT


_WEIGHTS: Final[dict[Part, F32]] = {
    part: np.array([*(_weight(name, part) for name in BLENDSHAPES), *[TURN_WEIGHT] * 3], np.float32)
    for part in ("mouth", "eyes")
}
EXPRESSION_WEIGHTS: Final = np.maximum(_WEIGHTS["mouth"], _WEIGHTS["eyes"])[: len(BLENDSHAPES)]
"""(52,): how much a difference in each coefficient counts when photos are chosen that are to lend mouths and eyes."""

"""Which of a person's photos shows best what the next picture needs, and how much of it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from avatar import face_mesh as mesh
from avatar.perception.pose import rotation_vector, to_head_frame
from avatar.types import BLENDSHAPES, F32, HeadPose

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

LIKE: Final = 0.011
"""Unlikeness of two mouths, in squared head units summed over the outline, from which one says nothing of the other's
teeth. Below that, the more alike they are the nearer is the photo, moved, to the real mouth, and from about a third on
it is nearer than the network's picture (214 open mouths of 13 clips, `split=train`, four photos each)."""
MOST_LENT: Final = 0.7
"""Share of a photo's own pixels in a mouth just like the photo's."""
OPEN_ENOUGH: Final = (0.6, 0.9)
"""How far open the photo's mouth is, as a share of what is wanted, where its pixels begin to count and count in full:
lips that hardly part say nothing of what lies behind them."""


@dataclass(frozen=True, slots=True)
class Look:
    """A face, as far as it is compared with others of the same person."""

    lips: F32
    """(20, 2), the outline of the mouth's opening around its middle, head units, as seen from the front."""
    expression: F32
    """(52,) blendshapes."""
    rotation: F32
    """(3,) rotation vector, radians."""

    @property
    def opening(self) -> float:
        """How far the lips are parted where they are widest apart, head units."""
        pairs = len(mesh.UPPER_INNER_LIP)
        return float((self.lips[: pairs + 1 : -1, 1] - self.lips[1 : 1 + pairs, 1]).max())


def look(landmarks: F32, pose: HeadPose, expression: F32) -> Look:
    """Return the look of (478, 3) landmarks in pixels, their pose and (52,) blendshapes."""
    lips = to_head_frame(landmarks[list(mesh.MOUTH_OPENING)], pose)[:, :2]
    return Look(lips - lips.mean(axis=0), expression, rotation_vector(pose.rotation))


def unlikeness(wanted: Look, photo: Look, part: Part) -> float:
    """Return how far a part of a photo's face is from what is wanted, 0 where it is the same.

    Mouths by their outline, squared head units: it tells better than coefficients which photo comes nearest to the real
    mouth. Eyes by coefficients and the head's turn.
    """
    if part == "mouth":
        return float(((photo.lips - wanted.lips) ** 2).sum())
    changes = ((_EYE_WEIGHTS, photo.expression - wanted.expression), (TURN_WEIGHT, photo.rotation - wanted.rotation))
    return float(sum((weight * change**2).sum() for weight, change in changes))


def nearest_reference(wanted: Look, photos: Sequence[Look], part: Part, *, kept: int | None = None) -> int:
    """Return which of some photos shows a part of the face most as it is wanted.

    `kept` is the photo that showed the frame before: it gives way only to one that is clearly nearer.
    """
    far = [unlikeness(wanted, photo, part) * (LOYALTY if number == kept else 1) for number, photo in enumerate(photos)]
    return int(np.argmin(far))


def lent_share(wanted: Look, photo: Look) -> float:
    """Return how much of the mouth is to be shown by a photo's own pixels, 0..`MOST_LENT`, the rest being drawn."""
    alike = max(0.0, 1 - unlikeness(wanted, photo, "mouth") / LIKE)
    begins, whole = OPEN_ENOUGH
    open_enough = (photo.opening / max(wanted.opening, 1e-6) - begins) / (whole - begins)
    return MOST_LENT * alike * float(np.clip(open_enough, 0, 1))


def _weight(name: str, part: Part) -> float:
    if part == "mouth" and name == "jawOpen":
        return JAW_WEIGHT
    if part == "eyes" and name.startswith("eyeBlink"):
        return BLINK_WEIGHT
    return OWN_WEIGHT if name.startswith("mouth" if part == "mouth" else "eye") else OTHER_WEIGHT


_EYE_WEIGHTS, _MOUTH_WEIGHTS = (
    np.array([_weight(name, part) for name in BLENDSHAPES], np.float32) for part in ("eyes", "mouth")
)
EXPRESSION_WEIGHTS: Final = np.maximum(_MOUTH_WEIGHTS, _EYE_WEIGHTS)
"""(52,): how much a difference in each coefficient counts when photos are chosen that are to lend mouths and eyes."""

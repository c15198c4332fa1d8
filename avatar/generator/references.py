"""Which of a person's photos shows best what the next picture needs, and how much of it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from avatar.face import mesh
from avatar.face.pose import rotation_vector, to_head_frame
from avatar.types import F32, HeadPose

Part = Literal["mouth", "eyes"]

TURN_WEIGHT: Final = 0.02
"""How much a squared radian between two heads counts where eyes are compared."""
LOYALTY: Final = 0.7
"""Share of the kept photo's unlikeness that counts: lenders do not flicker."""

ALIKE: Final[dict[Part, float]] = {"mouth": 0.011, "eyes": 0.006}
"""Unlikeness from which a photo says nothing of what lies between these lips or lids. Below it, the more alike they are
the nearer is the photo, moved, to the truth, and from about a third on it is nearer than the network's picture (214
open mouths and 248 pairs of eyes in 13 clips, `split=train`)."""
MOST_LENT: Final = 0.7
"""Share of a photo's own pixels in a mouth or an eye just like the photo's."""
OPEN_ENOUGH: Final = (0.6, 0.9)
"""How far open the photo's mouth is, as a share of what is wanted, where its pixels begin to count and count in full:
lips that hardly part say nothing of what lies behind them."""


@dataclass(frozen=True, slots=True)
class Look:
    """A face, as far as it is compared with others of the same person: head units, as seen from the front."""

    lips: F32
    """(20, 2), the outline of the mouth's opening around its middle."""
    eyes: F32
    """(34, 2), each eye's opening around its middle and, last, its iris: the right one and the left one."""
    rotation: F32
    """(3,) rotation vector, radians."""

    @property
    def mouth_opening(self) -> float:
        """How far the lips are parted where they are widest apart."""
        pairs = len(mesh.UPPER_INNER_LIP)
        return float((self.lips[: pairs + 1 : -1, 1] - self.lips[1 : 1 + pairs, 1]).max())


def look(landmarks: F32, pose: HeadPose) -> Look:
    """Return the look of (478, 3) landmarks in pixels and their pose."""
    frontal = to_head_frame(landmarks, pose)[:, :2]
    lips = frontal[list(mesh.MOUTH_OPENING)]
    eyes = []
    for opening, iris in ((mesh.RIGHT_EYE_OPENING, mesh.RIGHT_IRIS), (mesh.LEFT_EYE_OPENING, mesh.LEFT_IRIS)):
        middle = frontal[list(opening)].mean(axis=0)
        eyes.append(frontal[[*opening, iris[0]]] - middle)
    return Look(lips - lips.mean(axis=0), np.concatenate(eyes), rotation_vector(pose.rotation))


def unlikeness(wanted: Look, photo: Look, part: Part) -> float:
    """Return how far a part of a photo's face is from what is wanted, 0 where it is the same.

    Squared head units, summed over the outline: it tells better than coefficients which photo comes nearest to the
    truth.
    """
    if part == "mouth":
        return float(((photo.lips - wanted.lips) ** 2).sum())
    turn = float(((photo.rotation - wanted.rotation) ** 2).sum())
    return float(((photo.eyes - wanted.eyes) ** 2).sum()) + TURN_WEIGHT * turn


def nearest_reference(wanted: Look, photos: Sequence[Look], part: Part, *, kept: int | None = None) -> int:
    """Return which of some photos shows a part of the face most as it is wanted.

    `kept` is the photo that showed the frame before: it gives way only to one that is clearly nearer.
    """
    far = [unlikeness(wanted, photo, part) * (LOYALTY if number == kept else 1) for number, photo in enumerate(photos)]
    return int(np.argmin(far))


def lent_share(wanted: Look, photo: Look, part: Part) -> float:
    """Return how much of a part is to be shown by a photo's own pixels, 0..`MOST_LENT`, the rest being drawn."""
    share = MOST_LENT * max(0.0, 1 - unlikeness(wanted, photo, part) / ALIKE[part])
    if part == "mouth":
        begins, whole = OPEN_ENOUGH
        open_enough = (photo.mouth_opening / max(wanted.mouth_opening, 1e-6) - begins) / (whole - begins)
        share *= float(np.clip(open_enough, 0, 1))
    return share

"""The nearest of a person's photos for a frame's mouth and eyes, and the share of its pixels that eyes can use."""

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
"""Share of the last photo's outline distance that counts: the choice does not flicker."""

ALIKE: Final[dict[Part, float]] = {"mouth": 0.011, "eyes": 0.006}
"""Outline distance from which a photo says nothing of what lies between these lips or lids. Below it, the more alike
they are the nearer is the photo, moved, to the truth, and from about a third on it is nearer than the network's picture
(214 open mouths and 248 pairs of eyes in 13 clips, `split=train`)."""
LARGEST_REFERENCE_SHARE: Final = 0.85
"""Share of a photo's own pixels in eyes just like the photo's. On eight people that the network was not trained on eyes
with four photos come 0.008 of the plain warp's error nearer than at 0.7; at 1 one person's get worse by 0.06."""
OPEN_ENOUGH: Final = (0.6, 0.9)
"""How far open the photo's mouth is, as a share of what is wanted, where its pixels begin to count and count in full:
lips that hardly part say nothing of what lies behind them."""
_OUTLINES: Final = np.array([
    *mesh.MOUTH_OPENING,
    *mesh.RIGHT_EYE_OPENING, mesh.RIGHT_IRIS[0],
    *mesh.LEFT_EYE_OPENING, mesh.LEFT_IRIS[0],
])  # fmt: skip
"""(54,): landmarks of the lips' opening, and of each eye's opening and iris."""


@dataclass(frozen=True, slots=True)
class FaceOutline:
    """Outlines of a face's mouth and eyes, seen from the front, in head units: what references are compared by."""

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


def face_outline(landmarks: F32, pose: HeadPose) -> FaceOutline:
    """Return the outlines in (478, 3) landmarks, pixels, of a pose."""
    frontal = to_head_frame(landmarks[_OUTLINES], pose)[:, :2]
    lips, eyes = frontal[: len(mesh.MOUTH_OPENING)], frontal[len(mesh.MOUTH_OPENING) :].reshape(2, -1, 2)
    middles = eyes[:, :-1].mean(axis=1, keepdims=True)
    return FaceOutline(lips - lips.mean(axis=0), (eyes - middles).reshape(-1, 2), rotation_vector(pose.rotation))


def outline_distance(wanted: FaceOutline, photo: FaceOutline, part: Part) -> float:
    """Return how far a part of a photo's face is from the wanted one, 0 where it is the same.

    Squared head units, summed over the outline: it finds the photo nearest to the truth better than coefficients do.
    """
    if part == "mouth":
        return float(((photo.lips - wanted.lips) ** 2).sum())
    turn = float(((photo.rotation - wanted.rotation) ** 2).sum())
    return float(((photo.eyes - wanted.eyes) ** 2).sum()) + TURN_WEIGHT * turn


def nearest_reference(
    wanted: FaceOutline, photos: Sequence[FaceOutline], part: Part, *, kept: int | None = None
) -> int:
    """Return which of some photos shows a part of the face most as it is wanted.

    `kept` is the index of the photo chosen for the frame before: it gives way only to one that is clearly nearer.
    """
    far = [
        outline_distance(wanted, photo, part) * (LOYALTY if number == kept else 1)
        for number, photo in enumerate(photos)
    ]
    return int(np.argmin(far))


def eyes_share(wanted: FaceOutline, photo: FaceOutline) -> float:
    """Return the share of a photo's own pixels in the eyes of the picture, 0..`LARGEST_REFERENCE_SHARE`."""
    return LARGEST_REFERENCE_SHARE * max(0.0, 1 - outline_distance(wanted, photo, "eyes") / ALIKE["eyes"])

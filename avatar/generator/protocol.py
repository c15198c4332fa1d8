"""What every tier of generator is to the rest of the program: a motion goes in, a picture comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.types import F32, U8, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class Shown:
    """What one picture is to show of the avatar's own face, in the picture's pixels."""

    landmarks: F32
    """(478, 3)."""
    pose: HeadPose
    expression: F32
    """(52,), 0..1: blendshapes of the face itself, not their change from rest."""


class Generator(Protocol):
    """Renders one identity at one picture size. Not for several threads at once."""

    identity: Identity
    picture_size: tuple[int, int]
    """(width, height)."""
    rig: Rig
    """Turns a motion into landmarks of the avatar's face."""
    key_every: int
    """Of this many pictures one is drawn in full; those in between are cheaper where the tier can make them so."""
    last_in_full: bool
    """Whether the last picture was drawn in full."""

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion."""

    def draw(self, shown: Shown) -> U8:
        """Return the (height, width, 3) RGB picture of a face whose landmarks are known."""


def shown(rig: Rig, identity: Identity, motion: Motion) -> Shown:
    """Return what a motion makes of an identity's resting face."""
    pose = rig.pose(motion)
    expression = (identity.rest.blendshapes + motion.blendshapes).clip(0, 1)
    return Shown(rig.landmarks(motion, pose), pose, expression)

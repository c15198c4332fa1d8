"""The protocol of a generator, which every tier implements: a motion in, a picture out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, HeadPose, Motion


@dataclass(frozen=True, slots=True)
class TargetFace:
    """The avatar's face as one picture is to show it, in the picture's pixels."""

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

    @property
    def last_in_full(self) -> bool:
        """Whether the last picture was drawn in full."""
        ...

    @property
    def needs_heard(self) -> bool:
        """Whether it draws the mouth from `Motion.heard`; else nobody has to listen for it. May change in mid-call."""
        ...

    def render(self, motion: Motion) -> U8:
        """Return the (height, width, 3) RGB picture of a motion.

        It is made anew for each call, and whoever asked may write into it. Where the avatar was opened with a
        transparent background, it is (height, width, 4) RGBA, premultiplied.
        """

    def draw(self, target_face: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `render` does."""

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:
        """Return what this tier reads by itself from a driver's face in a camera's frame.

        (21, 3), for `Motion.read`; None: it needs no more than the face. Another thread may ask while one renders.
        """


def target_face(rig: Rig, identity: Identity, motion: Motion) -> TargetFace:
    """Return an identity's face, moved from rest by a motion."""
    pose = rig.pose(motion)
    expression = (identity.rest.blendshapes + motion.blendshapes).clip(0, 1)
    return TargetFace(rig.landmarks(motion, pose), pose, expression)

"""A generator around another one: it changes the pictures, and all else is the other's."""

from __future__ import annotations

from avatar.generator.identity import Identity
from avatar.generator.protocol import Generator, TargetFace
from avatar.generator.rig import Rig
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, Motion


class WrappedGenerator:
    """As `Generator`; to be derived from by what changes something."""

    def __init__(self, generator: Generator) -> None:
        """Put it around `generator`."""
        self._generator = generator
        self.identity: Identity = generator.identity
        self.picture_size: tuple[int, int] = generator.picture_size
        self.rig: Rig = generator.rig

    @property
    def key_every(self) -> int:
        """Of this many pictures one is drawn in full."""
        return self._generator.key_every

    @key_every.setter
    def key_every(self, every: int) -> None:
        self._generator.key_every = every

    @property
    def last_in_full(self) -> bool:
        """Whether the last picture was drawn in full."""
        return self._generator.last_in_full

    @property
    def needs_heard(self) -> bool:
        """Whether it draws the mouth from `Motion.heard`."""
        return self._generator.needs_heard

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says."""
        return self._generator.render(motion)

    def draw(self, target_face: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        return self._generator.draw(target_face)

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:
        """Return what the tier reads from a driver's face, as `Generator` says."""
        return self._generator.read_driver(frame, face)

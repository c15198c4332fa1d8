"""A generator that gives way to a smaller tier where the GPU's memory is full: pictures go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from avatar.errors import GpuMemoryError
from avatar.generator.protocol import Generator, TargetFace
from avatar.generator.yuv_pictures import render_i420
from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8, FaceState, Motion

Answer = TypeVar("Answer")
OpenTier = Callable[[str], Generator]
"""Opens a tier by its name for the same person, size and background. Raises GpuMemoryError, ModelError."""
OnLower = Callable[[str, str], None]
"""Is told the tier that draws from now on, and why in words."""

_log = logging.getLogger(__name__)


class FallbackGenerator:
    """The first of some tiers for which there is memory; as `Generator`."""

    def __init__(self, tiers: tuple[str, ...], open_tier: OpenTier, on_lower: OnLower | None = None) -> None:
        """Open the first that can be.

        Args:
            tiers: from the one wanted to the least, which needs no GPU.
            open_tier: opens each of them.
            on_lower: is told of a smaller tier, in the thread that draws.

        Raises:
            ModelError: a tier cannot be opened for another reason than a full memory.
        """
        self._tiers, self._open, self._on_lower = tiers, open_tier, on_lower
        self._changing = Lock()
        self._key_every = 1
        self._at, self._generator = self._opened(0, "")

    @property
    def tier(self) -> str:
        """What draws at present."""
        return self._tiers[self._at]

    @property
    def key_every(self) -> int:
        """Of this many pictures one is drawn in full."""
        return self._generator.key_every

    @key_every.setter
    def key_every(self, every: int) -> None:
        self._key_every = self._generator.key_every = every

    @property
    def last_in_full(self) -> bool:
        """Whether the last picture was drawn in full."""
        return self._generator.last_in_full

    @property
    def needs_heard(self) -> bool:
        """Whether what draws at present takes the mouth from `Motion.heard`."""
        return self._generator.needs_heard

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, as `Generator` says."""
        return self._ask(lambda generator: generator.render(motion))

    def render_i420(self, motion: Motion) -> tuple[U8, bool]:
        """Return the picture of a motion in planar YUV, as `yuv_pictures.render_i420` does."""
        return self._ask(lambda generator: render_i420(generator, motion))

    def draw(self, target_face: TargetFace) -> U8:
        """Return the picture of a face whose landmarks are known, as `Generator` says."""
        return self._ask(lambda generator: generator.draw(target_face))

    def read_driver(self, frame: FramePixels, face: FaceState) -> F32 | None:
        """Return what the tier reads from a driver's face, as `Generator` says."""
        return self._ask(lambda generator: generator.read_driver(frame, face))

    def _ask(self, question: Callable[[Generator], Answer]) -> Answer:
        while True:
            generator, at = self._generator, self._at
            try:
                return question(generator)
            except GpuMemoryError as error:
                why = str(error)
            if at + 1 == len(self._tiers):
                raise GpuMemoryError(why)
            self._lower(at, why)

    def _lower(self, at: int, why: str) -> None:
        """Give way, unless another thread has done so already."""
        with self._changing:
            if self._at == at:
                self._at, self._generator = self._opened(at + 1, why)
                self._generator.key_every = self._key_every

    def _opened(self, at: int, why: str) -> tuple[int, Generator]:
        """Return the first tier from a place on for which there is memory, and its place."""
        while True:
            try:
                generator = self._open(self._tiers[at])
                break
            except GpuMemoryError as error:
                if at + 1 == len(self._tiers):
                    raise
                at, why = at + 1, str(error)
        self.identity, self.picture_size, self.rig = generator.identity, generator.picture_size, generator.rig
        if why:
            said = f"{why} The tier {self._tiers[at]} draws instead of {self._tiers[0]}."
            _log.warning("%s", said)
            if self._on_lower is not None:
                self._on_lower(self._tiers[at], said)
        return at, generator

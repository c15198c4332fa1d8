"""A generator that keeps a frame rate: where time is short, fewer pictures are drawn in full."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from avatar.generator.protocol import Generator
from avatar.generator.yuv_pictures import render_i420
from avatar.timing import pacing
from avatar.timing.meters import StageMeter
from avatar.types import U8, Motion

Drawn = TypeVar("Drawn")


class AdaptiveRenderer:
    """Sets a generator's `key_every` by how long its pictures take. For one thread."""

    def __init__(self, generator: Generator, fps: int) -> None:
        """Keep `fps` pictures a second where the machine allows."""
        self.generator, self._fps = generator, fps
        self._meter, self._cadence = StageMeter(), pacing.Cadence(changed_s=time.monotonic())

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, (height, width, 3) RGB."""
        return self._timed(lambda: self.generator.render(motion))

    def render_i420(self, motion: Motion) -> tuple[U8, bool]:
        """Return the picture of a motion in planar YUV, as `yuv_pictures.render_i420` does."""
        return self._timed(lambda: render_i420(self.generator, motion))

    def _timed(self, draw: Callable[[], Drawn]) -> Drawn:
        began_s = time.monotonic()
        self.generator.key_every = self._cadence.key_every
        drawn = draw()
        now_s = time.monotonic()
        self._meter.add("in full" if self.generator.last_in_full else "in between", now_s - began_s)
        full_s, other_s = self._meter.median_s("in full"), self._meter.median_s("in between")
        self._cadence = pacing.next_cadence(self._cadence, full_s, other_s, 1 / self._fps, now_s)
        return drawn

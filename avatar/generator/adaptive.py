"""A generator that keeps a frame rate: where time is short, fewer pictures are drawn in full."""

from __future__ import annotations

import time

from avatar.generator.protocol import Generator
from avatar.timing import pacing
from avatar.timing.meters import StageMeter
from avatar.types import U8, Motion


class AdaptiveRenderer:
    """Sets a generator's `key_every` by how long its pictures take. For one thread."""

    def __init__(self, generator: Generator, fps: int) -> None:
        """Keep `fps` pictures a second where the machine allows."""
        self.generator, self._fps = generator, fps
        self._meter, self._cadence = StageMeter(), pacing.Cadence(changed_s=time.monotonic())

    def render(self, motion: Motion) -> U8:
        """Return the picture of a motion, (height, width, 3) RGB."""
        began_s = time.monotonic()
        self.generator.key_every = self._cadence.key_every
        rgb = self.generator.render(motion)
        now_s = time.monotonic()
        self._meter.add("in full" if self.generator.last_in_full else "in between", now_s - began_s)
        full_s, other_s = self._meter.median_s("in full"), self._meter.median_s("in between")
        self._cadence = pacing.next_cadence(self._cadence, full_s, other_s, 1 / self._fps, now_s)
        return rgb

"""A program's voice on its way out: speech of any length in, a block of 20 ms out at each of their times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av
import numpy as np

from avatar.media.pcm import I16, SampleQueue

RATE: Final = 48_000
BLOCK: Final = RATE // 50
WAITING_S: Final = 30.0
"""So much speech may wait to be said; who has more waits."""
LATE_S: Final = 0.2
"""After a pause of the program's own that is longer, the voice goes on from now."""


class PacedVoice:
    """One program's voice. Used on one event loop."""

    def __init__(self) -> None:
        self._speech = SampleQueue(RATE)
        self._said = asyncio.Event()

    @property
    def waiting_s(self) -> float:
        """How many seconds of speech wait to be said."""
        return len(self._speech) / RATE

    def push(self, samples: I16, sample_rate: int) -> None:
        """Say (n,) samples after what waits."""
        self._speech.push(samples, sample_rate)

    async def wait_for_room(self) -> None:
        """Wait while more than `WAITING_S` wait, but no longer than until something was said."""
        if self.waiting_s > WAITING_S:
            self._said.clear()
            await self._said.wait()

    def interrupt(self) -> float:
        """Forget what waits; return how many seconds that were."""
        unsaid_s = self.waiting_s
        self._speech.clear()
        self._said.set()
        return unsaid_s

    async def run(self, send: Callable[[av.AudioFrame, float], None]) -> None:
        """Give `send` each block, silence where there is no speech, with the time it is due (time.monotonic())."""
        begin_s, count = time.monotonic(), 0
        while True:
            due_s = begin_s + count * BLOCK / RATE
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))
            late_s = time.monotonic() - due_s
            if late_s > LATE_S:
                begin_s += late_s
                due_s += late_s
            send(self._block(count), due_s)
            self._said.set()
            count += 1

    def _block(self, number: int) -> av.AudioFrame:
        said = self._speech.take(BLOCK)
        samples = np.pad(said, (0, BLOCK - len(said)))
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * BLOCK, Fraction(1, RATE)
        return frame

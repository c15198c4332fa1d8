"""The last seconds of a voice by the time they belong to, with silence where there was none."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

JOINED_S: Final = 0.08
"""Sound this much earlier or later than what came before still follows on it: a step would be heard as a click."""


class SoundHistory:
    """Pieces of sound at 16 kHz, until they are older than what is asked for."""

    def __init__(self, kept: int) -> None:
        """Keep the last `kept` samples before the newest."""
        self._kept = kept
        self.clear()

    def clear(self) -> None:
        """Forget all sound."""
        self._pieces: deque[tuple[int, F32]] = deque()
        self._end = 0

    def put(self, samples: F32, begin_s: float) -> None:
        """Take (n,) samples, the first at `begin_s` of the media clock; they replace those of later times."""
        begin = round(begin_s * RATE)
        if self._pieces and abs(begin - self._end) <= JOINED_S * RATE:
            begin = self._end
        while self._pieces and self._pieces[-1][0] >= begin:
            self._pieces.pop()
        if self._pieces:
            at, last = self._pieces[-1]
            self._pieces[-1] = at, last[: begin - at]
        self._pieces.append((begin, samples))
        self._end = begin + len(samples)
        while self._pieces[0][0] + len(self._pieces[0][1]) < self._end - self._kept:
            self._pieces.popleft()

    def until(self, end_s: float, count: int) -> F32:
        """Return the (count,) samples before `end_s` of the media clock."""
        found = np.zeros(count, np.float32)
        first = round(end_s * RATE) - count
        for at, samples in self._pieces:
            begin, end = max(at, first), min(at + len(samples), first + count)
            if begin < end:
                found[begin - first : end - first] = samples[begin - at : end - at]
        return found

"""A driver's rest as LivePortrait's motion extractor reads it, learnt together with their resting face."""

from __future__ import annotations

import numpy as np

from avatar.types import F32, Motion, ReadExpression


class ReadRest:
    """One driver's rest, as the extractor sees it; usable from its first frame on."""

    def __init__(self) -> None:
        self._seen: list[F32] = []
        self._rest: F32 | None = None
        self._settled = False

    def expression(self, offsets: F32, motion: Motion, *, settled: bool) -> ReadExpression:
        """Return the expression that leads from the driver's rest to what was read, (21, 3).

        `motion` is that of the same frame; `settled` says whether the driver's resting face is known by now: once it
        is, the rest here stays too, until it is not any more.
        """
        if self._rest is None or not settled:
            if self._settled:
                self._seen.clear()
            self._seen.append(offsets)
            self._rest = np.median(self._seen, axis=0).astype(np.float32)
        self._settled = settled
        return ReadExpression(offsets - self._rest, np.ones(len(offsets), np.float32), motion.blendshapes)

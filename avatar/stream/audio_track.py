"""The user's sound on its way out: each piece leaves together with the picture it belongs to."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from avatar.stream.outgoing_sound import OutgoingSound

MAX_DELAY_S: Final = 1.0
"""Sound is never held longer than this, whatever the picture does."""
QUEUE_LIMIT: Final = 64
"""Frames (20 ms each as browsers send them) that may wait; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    frame: av.AudioFrame
    arrival_s: float
    due_s: float


class DelayedAudioTrack(MediaStreamTrack):
    """Passes sound on in one form, each frame at the time it is due. Used on the event loop only."""

    kind = "audio"

    def __init__(
        self, *, on_sent: Callable[[av.AudioFrame, float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`on_sent` is told each frame that leaves, and how long after its arrival, in seconds."""
        super().__init__()
        self._on_sent = on_sent
        self._clock = clock
        self._frames: deque[_Waiting] = deque()
        self._available = asyncio.Event()
        self._outgoing = OutgoingSound()
        self.dropped = 0
        """Frames given up because too many were waiting."""

    def push(self, frame: av.AudioFrame, arrival_s: float, delay_s: float) -> None:
        """Queue one decoded frame that arrived at `arrival_s` (time.monotonic()) to leave `delay_s` later."""
        if len(self._frames) >= QUEUE_LIMIT:
            self._frames.popleft()
            self.dropped += 1
        formed = self._outgoing.take(frame)
        if formed is None:
            return
        due_s = arrival_s + min(max(delay_s, 0.0), MAX_DELAY_S)
        self._frames.append(_Waiting(formed, arrival_s, due_s))
        self._available.set()

    async def recv(self) -> av.AudioFrame:
        """Return the next frame when it is due. Raises MediaStreamError once the track has ended."""
        while not self._frames:
            if self.readyState != "live":
                raise MediaStreamError
            self._available.clear()
            await self._available.wait()
        wait_s = self._frames[0].due_s - self._clock()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, MAX_DELAY_S))
        if self.readyState != "live" or not self._frames:
            raise MediaStreamError
        waiting = self._frames.popleft()
        self._on_sent(waiting.frame, self._clock() - waiting.arrival_s)
        return waiting.frame

    def stop(self) -> None:
        """End the track; a waiting `recv` raises. Idempotent."""
        super().stop()
        self._frames.clear()
        self._available.set()

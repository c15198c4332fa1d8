"""One watcher's end of a stream that is encoded once for many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

PICTURES_WAITING: Final = 8
"""Pictures that may wait for one watcher's packets to be sent: a quarter of a second."""
SOUNDS_WAITING: Final = 25
"""Half a second of sound."""


class RelayTrack(MediaStreamTrack):
    """Holds the newest packets of a stream until its connection sends them. Used on the event loop only.

    Each picture builds on the one before: where a watcher is too slow, all that wait are given up, and it goes on with
    the next key picture, which is asked for. Nobody else waits for it.
    """

    def __init__(
        self, kind: Literal["audio", "video"], limit: int, *, ask_for_key: Callable[[], None] = lambda: None
    ) -> None:
        """Wait for the first packet that a decoder can start with; `ask_for_key` asks the stream for one."""
        super().__init__()
        self.kind = kind
        self.dropped = 0
        """Packets given up because too many were waiting."""
        self._limit, self.ask_for_key = limit, ask_for_key
        self._queued: deque[av.Packet[Any]] = deque()
        self._available = asyncio.Event()
        self._started = False

    def offer(self, packet: av.Packet[Any], *, starts: bool) -> None:
        """Take the stream's next packet; `starts` where a decoder can start with it."""
        if self.readyState != "live" or not (self._started or starts):
            return
        if len(self._queued) >= self._limit:
            self.restart()
            if not starts:
                self.ask_for_key()
                return
        self._started = True
        self._queued.append(packet)
        self._available.set()

    def restart(self) -> None:
        """Give up what waits, and begin anew with the next packet that a decoder can start with."""
        self.dropped += len(self._queued)
        self._queued.clear()
        self._started = False

    async def recv(self) -> av.Packet[Any]:
        """Return the next packet; waits for one. Raises MediaStreamError once the track has ended."""
        while not self._queued:
            if self.readyState != "live":
                raise MediaStreamError
            self._available.clear()
            await self._available.wait()
        if self.readyState != "live":
            raise MediaStreamError
        return self._queued.popleft()

    def stop(self) -> None:
        """End the track; a waiting `recv` raises. Idempotent."""
        super().stop()
        self._queued.clear()
        self._available.set()

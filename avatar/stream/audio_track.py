"""A call's sound on its way out: each block leaves together with the picture it belongs to."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.audio_framing import AudioFramer
from avatar.stream.outgoing_audio import OutgoingAudio
from avatar.timing.av_sync import LONGEST_HOLD_S, blocks_to_drop

QUEUE_LIMIT: Final = 64
"""Blocks that may wait, 1.3 s: those that are held for their picture, and long frames; the oldest goes first."""

ENCODED_AT_ONCE: Final = 2
"""So many blocks are encoded on the event loop, in 0.15 ms each: handing them to a thread and back takes longer. More,
where the machine is late already, would hold up what else waits."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    block: av.AudioFrame
    arrival_s: float
    """When it would have arrived in a frame of its own length."""
    due_s: float


class AvatarAudioTrack(MediaStreamTrack):
    """Sends sound in one form and in blocks of 20 ms, each when it is due. Used on the event loop only.

    Blocks that are late are encoded together, and given up where they are too late: what is heard belongs to what is
    seen, whatever happens to the machine.
    """

    kind = "audio"

    def __init__(
        self,
        encoder: AudioEncoder,
        *,
        pool: Executor,
        on_sent: Callable[[av.AudioFrame, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_sent` is told each block that leaves, and how long after its arrival, in seconds."""
        super().__init__()
        self._encoder, self._pool = encoder, pool
        self._on_sent = on_sent
        self._clock = clock
        self._queued: deque[_Waiting] = deque()
        self._encoded: deque[tuple[_Waiting, av.Packet[Any]]] = deque()
        self._available = asyncio.Event()
        self._outgoing, self._blocks = OutgoingAudio(), AudioFramer()
        self.dropped = 0
        """Blocks given up because they were too late, or too many were waiting."""

    def push(self, frame: av.AudioFrame, arrival_s: float, hold_s: float) -> None:
        """Queue one decoded frame of any form and length that arrived at `arrival_s` (time.monotonic()).

        Its first block leaves `hold_s` later (`av_sync.hold_s`), those that follow at their pace.
        """
        formed = self._outgoing.take(frame)
        if formed is None:
            return
        for block, after_s in self._blocks.cut(formed):
            if len(self._queued) >= QUEUE_LIMIT:
                self._queued.popleft()
                self.dropped += 1
            self._queued.append(_Waiting(block, arrival_s + after_s, arrival_s + after_s + hold_s))
        self._available.set()

    async def recv(self) -> av.Packet[Any]:
        """Return the next packet when it is due. Raises MediaStreamError once the track has ended."""
        while not self._encoded:
            due = await self._due()
            blocks = [waiting.block for waiting in due]
            if len(blocks) <= ENCODED_AT_ONCE:
                packets = self._encoder.encode(blocks)
            else:
                packets = await asyncio.get_running_loop().run_in_executor(self._pool, self._encoder.encode, blocks)
            self._encoded.extend(
                (waiting, packet) for waiting, packet in zip(due, packets, strict=True) if packet is not None
            )
        if self.readyState != "live":
            raise MediaStreamError
        waiting, packet = self._encoded.popleft()
        self._on_sent(waiting.block, self._clock() - waiting.arrival_s)
        return packet

    def stop(self) -> None:
        """End the track; a waiting `recv` raises. Idempotent."""
        super().stop()
        self._queued.clear()
        self._available.set()

    async def _due(self) -> list[_Waiting]:
        """Wait for the next block that is due; return it and all that are, but those that are too late."""
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            self._give_up_late()
            if not self._queued:
                self._available.clear()
                await self._available.wait()
            elif (wait_s := self._queued[0].due_s - self._clock()) > 0:
                await asyncio.sleep(min(wait_s, LONGEST_HOLD_S))
            else:
                now_s = self._clock()
                return [self._queued.popleft() for _ in range(sum(one.due_s <= now_s for one in self._queued))]

    def _give_up_late(self) -> None:
        late = blocks_to_drop([waiting.due_s for waiting in self._queued], self._clock())
        for _ in range(late):
            self._queued.popleft()
        self.dropped += late

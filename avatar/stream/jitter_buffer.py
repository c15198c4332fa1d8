"""Putting received RTP packets back in order, with as little waiting as the stream allows. No sockets, no threads.

Both buffers offer what an aiortc receiver asks of its own: `add(packet) -> (ask for a key frame, frame or None)`. A
packet is anything with `sequence_number`, `timestamp`, `marker` and `_data` (the depayloaded bytes, as aiortc names
them). One packet can complete several frames, so the owner calls `pop()` until it returns None.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

MISORDER: Final = 100
"""Packets this far behind are late copies; further behind, the sender has started a new sequence."""


class MediaPacket(Protocol):
    """The parts of an RTP packet that ordering needs."""

    sequence_number: int
    timestamp: int
    marker: int
    _data: bytes


@dataclass(slots=True)
class EncodedFrame:
    """One complete encoded frame, ready for a decoder (the shape aiortc's decoders take)."""

    data: bytes
    timestamp: int
    """RTP timestamp; the receiver replaces it by one that starts at 0 and never wraps."""
    arrival_s: float
    """When its last packet arrived, on the clock handed to the buffer."""


@dataclass(slots=True)
class _Held:
    packet: MediaPacket
    arrival_s: float


class _SequenceWindow:
    """Packets by sequence number (16 bits, wrapping), from the oldest one not yet released."""

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._next: int | None = None
        self._held: dict[int, _Held] = {}

    def _store(self, packet: MediaPacket) -> bool | None:
        """Keep a packet. True: stored. False: too late to be of use. None: stored, everything before was dropped."""
        sequence = packet.sequence_number
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) & 0xFFFF
        dropped = False
        if ahead >= 0x8000:
            if 0x10000 - ahead < MISORDER:
                return False
            dropped = True
        elif ahead >= self._capacity:
            dropped = True
        if dropped:
            self._held.clear()
            self._next = sequence
        self._held[sequence] = _Held(packet, self._clock())
        return None if dropped else True

    def _first_held(self) -> int | None:
        """Sequence number of the oldest packet that is here, whatever is missing before it."""
        if not self._held or self._next is None:
            return None
        start = self._next
        return min(self._held, key=lambda sequence: (sequence - start) & 0xFFFF)

    def _release(self, sequences: list[int]) -> None:
        for sequence in sequences:
            del self._held[sequence]
            self._next = (sequence + 1) & 0xFFFF


class VideoJitterBuffer(_SequenceWindow):
    """Releases a video frame on its marker packet, not on the first packet of the next frame (one frame time sooner).

    A gap that retransmission has not filled within `give_up_s` is skipped and a key frame asked for: a short smear
    instead of a freeze until the buffer is full.
    """

    def __init__(
        self, capacity: int = 512, *, give_up_s: float = 0.5, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(capacity, clock)
        self._give_up_s = give_up_s
        self._damaged_timestamp: int | None = None

    def add(self, packet: MediaPacket) -> tuple[bool, EncodedFrame | None]:
        """Take one packet; returns whether to ask for a key frame, and the next complete frame if there is one."""
        stored = self._store(packet)
        if stored is False:
            return False, None
        key_frame_needed = stored is None or self._skip_old_gap()
        if stored is None:
            self._damaged_timestamp = packet.timestamp
        return key_frame_needed, self.pop()

    def pop(self) -> EncodedFrame | None:
        """Return the next complete frame, or None."""
        while (run := self._closed_run()) is not None:
            packets = [self._held[sequence] for sequence in run]
            self._release(run)
            timestamp = packets[0].packet.timestamp
            data = b"".join(held.packet._data for held in packets)
            # Padding packets (bandwidth probes) make empty frames, which a decoder takes for the end of the stream.
            if data and timestamp != self._damaged_timestamp:
                return EncodedFrame(data, timestamp, max(held.arrival_s for held in packets))
        return None

    def _closed_run(self) -> list[int] | None:
        """Sequence numbers of the frame at the head, if its last packet is known to be here."""
        if self._next is None:
            return None
        run: list[int] = []
        sequence = self._next
        timestamp: int | None = None
        while (held := self._held.get(sequence)) is not None:
            if timestamp is not None and held.packet.timestamp != timestamp:
                return run
            timestamp = held.packet.timestamp
            run.append(sequence)
            if held.packet.marker:
                return run
            sequence = (sequence + 1) & 0xFFFF
        return None

    def _skip_old_gap(self) -> bool:
        """Give up on missing packets that were noticed `give_up_s` ago; True if any were skipped."""
        skipped = False
        while self._next is not None and (after := self._first_after_gap()) is not None:
            if self._clock() - self._held[after].arrival_s < self._give_up_s:
                break
            start = self._next
            reach = (after - start) & 0xFFFF
            for sequence in [s for s in self._held if (s - start) & 0xFFFF < reach]:
                del self._held[sequence]
            self._next = after
            # The start of this frame is among the packets that never came, or cannot be told from it: not shown.
            self._damaged_timestamp = self._held[after].packet.timestamp
            skipped = True
        return skipped

    def _first_after_gap(self) -> int | None:
        """The first packet behind the first gap, unless complete frames stand before that gap."""
        if self._next is None or self._closed_run() is not None:
            return None
        start = self._next
        while start in self._held:
            start = (start + 1) & 0xFFFF
        later = [s for s in self._held if (s - start) & 0xFFFF < 0x8000]
        return min(later, key=lambda s: (s - start) & 0xFFFF) if later else None


class AudioJitterBuffer(_SequenceWindow):
    """Releases every audio packet as it comes; a missing one is waited for only while `reorder` later ones arrive.

    Sound is not retransmitted, so waiting longer only delays what follows.
    """

    def __init__(self, *, reorder: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(capacity=16 * max(1, reorder), clock=clock)
        self._reorder = reorder

    def add(self, packet: MediaPacket) -> tuple[bool, EncodedFrame | None]:
        """Take one packet; returns (False, the next frame or None): sound has no key frames."""
        if self._store(packet) is False:
            return False, None
        return False, self.pop()

    def pop(self) -> EncodedFrame | None:
        """Return the next frame, or None."""
        while (first := self._first_held()) is not None:
            if first != self._next and len(self._held) <= self._reorder:
                return None
            held = self._held[first]
            self._release([first])
            if held.packet._data:
                return EncodedFrame(held.packet._data, held.packet.timestamp, held.arrival_s)
        return None

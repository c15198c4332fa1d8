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

ANSWERS_AWAITED: Final = 2.4
"""Times that an answer takes for which a lost packet is waited for: for two of them, of which the second was asked for
late."""
SHORTEST_WAIT_S: Final = 0.15
KEY_REQUESTS_S: Final = 0.3
"""Key frames are asked for so far apart: each is larger than ten other pictures, and jams a narrow line."""
KEY_FRAME_COMES_S: Final = 0.3
"""None is asked for while one comes: the second would jam the line for as long as the first has."""
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

    A gap that retransmission has not filled within `give_up_s` is skipped and a key frame asked for, again and again
    until one comes (`key_frame_came`): a short smear instead of a freeze until the buffer is full. Where answers to
    requests are known to come sooner, it is skipped sooner.
    """

    def __init__(
        self,
        capacity: int = 512,
        *,
        give_up_s: float = 0.7,
        answer_s: Callable[[], float | None] = lambda: None,
        begins_anew: Callable[[MediaPacket, bytes], bool] = lambda *_: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            capacity: most packets that are held.
            give_up_s: how long a missing packet is waited for at most.
            answer_s: returns how long a packet that was asked for takes to come; None: not known.
            begins_anew: returns whether a frame, of which the first packet is given too, is a key frame; it is asked
                with the beginning of one as well.
            clock: seconds.
        """
        super().__init__(capacity, clock)
        self._give_up_s = give_up_s
        self._answer_s, self._begins_anew = answer_s, begins_anew
        self._damaged_timestamp: int | None = None
        self.key_frame_missing = False
        """Whether what comes refers to pictures that were given up."""
        self._key_frame_asked_s = self._key_frame_begun_s = float("-inf")

    def add(self, packet: MediaPacket) -> tuple[bool, EncodedFrame | None]:
        """Take one packet; returns whether to ask for a key frame, and the next complete frame if there is one."""
        stored = self._store(packet)
        if stored is False:
            return False, None
        if stored is None:
            self._damaged_timestamp = packet.timestamp
        if self._is_behind_a_gap(packet) and self._begins_anew(packet, packet._data):
            self._key_frame_begun_s = self._clock()
        if stored is None or (not self._skip_to_key_frame(packet) and self._skip_old_gap()):
            self.key_frame_missing = True
        return self._ask_for_key_frame(), self.pop()

    def key_frame_came(self) -> None:
        """Ask for no more: the frame that has just left begins anew."""
        self.key_frame_missing = False

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

    def _is_behind_a_gap(self, packet: MediaPacket) -> bool:
        """Return whether any packet is missing before this one, which has been stored."""
        return self._next is not None and (packet.sequence_number - self._next) & 0xFFFF >= len(self._held)

    def _skip_to_key_frame(self, packet: MediaPacket) -> bool:
        """Wait for nothing before the frame that this packet belongs to, where that is a whole key frame."""
        if self._next is None or self._closed_run() is not None:
            return False
        last = self._end_of_frame(packet, 1)
        if not last.marker:
            return False
        first = self._end_of_frame(packet, -1).sequence_number
        run = [(first + step) & 0xFFFF for step in range(((last.sequence_number - first) & 0xFFFF) + 1)]
        data = b"".join(self._held[sequence].packet._data for sequence in run)
        if not self._begins_anew(self._held[first].packet, data):
            return False
        for sequence in [s for s in self._held if (s - self._next) & 0xFFFF < (first - self._next) & 0xFFFF]:
            del self._held[sequence]
        self._next = first
        self._damaged_timestamp = None
        return True

    def _end_of_frame(self, packet: MediaPacket, step: int) -> MediaPacket:
        """Return the first (`step` -1) or last (1) packet of the run of one frame's packets that this one is in."""
        end = packet
        while (held := self._held.get((end.sequence_number + step) & 0xFFFF)) is not None:
            if held.packet.timestamp != packet.timestamp:
                break
            end = held.packet
        return end

    def _ask_for_key_frame(self) -> bool:
        now_s = self._clock()
        if not self.key_frame_missing or now_s - self._key_frame_asked_s < KEY_REQUESTS_S:
            return False
        if now_s - self._key_frame_begun_s < KEY_FRAME_COMES_S:
            return False
        self._key_frame_asked_s = now_s
        return True

    def _wait_s(self) -> float:
        answer_s = self._answer_s()
        if answer_s is None:
            return self._give_up_s
        return min(max(ANSWERS_AWAITED * answer_s, SHORTEST_WAIT_S), self._give_up_s)

    def _skip_old_gap(self) -> bool:
        """Give up on missing packets that were noticed long ago; True if any were skipped."""
        skipped, wait_s = False, self._wait_s()
        while self._next is not None and (after := self._first_after_gap()) is not None:
            if self._clock() - self._held[after].arrival_s < wait_s:
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

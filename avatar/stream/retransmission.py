"""Which video packets are missing, and when to ask for them again. No sockets, no threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

HISTORY: Final = 128
"""Senders keep about this many packets for retransmission (aiortc's own number); older ones are not asked for."""


class Numbered(Protocol):
    """A packet with a 16-bit, wrapping sequence number."""

    sequence_number: int


class RetransmissionRequests:
    """Says after each packet whether to send a NACK for `missing`: on a new gap, and again while a gap stays open.

    Asking once is not enough: where one packet in ten is lost so is one retransmission in ten, and the picture would
    freeze until the buffer overflows. Packets come every 33 ms at least while a camera sends, so 30 ms repeats on each.
    """

    def __init__(self, *, repeat_s: float = 0.03, clock: Callable[[], float] = time.monotonic) -> None:
        self.missing: set[int] = set()
        self._repeat_s = repeat_s
        self._clock = clock
        self._highest: int | None = None
        self._asked_s = float("-inf")

    def add(self, packet: Numbered) -> bool:
        """Note one received packet (a retransmitted one under its original number); True: ask for `missing` now."""
        sequence = packet.sequence_number
        if self._highest is None:
            self._highest = sequence
            return False
        ahead = (sequence - self._highest) & 0xFFFF
        new_gap = False
        if ahead == 0 or ahead >= 0x8000:
            self.missing.discard(sequence)
        else:
            oldest = max(1, ahead - HISTORY)
            for step in range(oldest, ahead):
                self.missing.add((self._highest + step) & 0xFFFF)
                new_gap = True
            self._highest = sequence
        highest = self._highest
        self.missing = {s for s in self.missing if (highest - s) & 0xFFFF <= HISTORY}
        now = self._clock()
        if new_gap or (self.missing and now - self._asked_s >= self._repeat_s):
            self._asked_s = now
            return True
        return False

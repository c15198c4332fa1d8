"""How soon packets may follow each other, and which lost ones are sent again: rules of packets and clock."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

PACE: Final = 1.25
"""Packets leave at so many times the bit rate wanted, at most: a little more, so that what waits gets less."""
BURST_S: Final = 0.05
"""What has not been used of so long may leave at once: a picture and a half at 30 a second. Ordinary pictures so leave
whole; a key frame, which would fill a narrow line's queue until it overflows, is spread."""
RESEND_BACKLOG_S: Final = 0.1
"""Lost packets are not sent again while what has left is so far ahead of the rate."""
DRAIN_S: Final = 0.08
"""How long nothing is sent once a line's queue has overflowed; what came then would be lost too."""
DRAINED_S: Final = 0.3
"""And how long after that it is not done again: what tells of a full queue comes more than once."""
RESEND_SHARE: Final = 0.45
"""Of a round trip: a packet asked for again within that is still on its way. Receivers that ask twice in a round trip
get it twice: one loss in so many is a loss of what was sent again."""
RESEND_LEAST_S: Final = 0.015
PACKETS_REMEMBERED: Final = 1024


class SendBudget:
    """The bytes that a stream may send now (a leaky bucket: ITU-T I.371, generic cell rate algorithm)."""

    def __init__(self) -> None:
        self._due_s = float("-inf")
        """When all that was sent would have left at the pace."""
        self._drained_s = float("-inf")

    def spend(self, size: int, now_s: float, rate_bps: float) -> float:
        """Note a packet of so many bytes that leaves now; return how many seconds the next one has to wait."""
        self._due_s = max(self._due_s, now_s - BURST_S) + 8 * size / (PACE * rate_bps)
        return self.wait_s(now_s)

    def wait_s(self, now_s: float) -> float:
        """Return how many seconds the next packet has to wait."""
        return max(0.0, self._due_s - now_s)

    def drain(self, now_s: float) -> None:
        """Let the line's queue get shorter before the next packet: it has become full."""
        if now_s - self._drained_s >= DRAINED_S:
            self._due_s, self._drained_s = now_s + DRAIN_S, now_s

    def may_resend(self, now_s: float) -> bool:
        """Return whether there is room for a packet that was asked for again."""
        return self._due_s - now_s <= RESEND_BACKLOG_S


class ResendRule:
    """Which of the packets asked for are sent again: not those that are under way already."""

    def __init__(self) -> None:
        self._sent_s: OrderedDict[int, float] = OrderedDict()

    def allows(self, sequence: int, now_s: float, round_trip_s: float) -> bool:
        """Return whether to send the packet of this number again now, and remember it if so."""
        last_s = self._sent_s.get(sequence)
        if last_s is not None and now_s - last_s < max(RESEND_SHARE * round_trip_s, RESEND_LEAST_S):
            return False
        self._sent_s[sequence] = now_s
        self._sent_s.move_to_end(sequence)
        while len(self._sent_s) > PACKETS_REMEMBERED:
            self._sent_s.popitem(last=False)
        return True

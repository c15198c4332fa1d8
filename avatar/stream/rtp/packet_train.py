"""What a line carries, as one picture's packets show it: no sockets, the clock handed in.

Packets that left together and wait behind each other in a queue come as far apart as the line takes to send each
(packet train dispersion: Dovrolis, Ramanathan, Moore, IEEE/ACM Transactions on Networking 12 (6), 2004). So a line that
carries a tenth of what it did is known and measured by the first picture, before a queue's growth shows or any packet
is missing. A receiver that is busy reads packets late, too; it does so unevenly, and again and again.
"""

from __future__ import annotations

from collections import deque
from typing import Final

TOGETHER_MS: Final = 5.0
"""Packets that left so soon after each other belong together."""
LEAST_PACKETS, LEAST_BYTES = 3, 500
"""Of a train that measures: so many packets, of so many bytes each."""
TRAIN_MS: Final = 50.0
"""So long after the first comes the last,"""
EVEN: Final = 1.5
"""and no gap is so many times another: a receiver that stumbles makes one, or some of all sizes."""
LEAST_BPS: Final = 150_000
"""Less than that is a receiver's pause sooner than a line."""
PROMPT_MS: Final = 15.0
TRAINS_KEPT, LEAST_TRAINS_KEPT, MOST_LATE = 30, 10, 1
"""That counts only where all trains but one came in one piece before: else the receiver is busy, or the line uneven."""


class PacketTrain:
    """Measures what a line carries by how far apart packets come that left together."""

    def __init__(self) -> None:
        self._sent_ms = self._first_ms = self._last_ms = 0.0
        self._least_gap_ms, self._most_gap_ms = float("inf"), 0.0
        self._packets = self._bytes = 0
        self._took_ms: deque[float] = deque(maxlen=TRAINS_KEPT)
        """How long the trains before this one took to come."""

    def add(self, size: int, sent_ms: float, arrival_ms: float) -> float | None:
        """Note a packet; return the line's bits a second where it and those before were drawn out by a queue."""
        if not self._packets or abs(sent_ms - self._sent_ms) > TOGETHER_MS:
            if self._packets > 1:
                self._took_ms.append(self._last_ms - self._first_ms)
            self._sent_ms, self._first_ms, self._last_ms = sent_ms, arrival_ms, arrival_ms
            self._least_gap_ms, self._most_gap_ms = float("inf"), 0.0
            self._packets, self._bytes = 1, 0
            return None
        gap_ms = arrival_ms - self._last_ms if size >= LEAST_BYTES else 0.0
        self._least_gap_ms, self._most_gap_ms = min(self._least_gap_ms, gap_ms), max(self._most_gap_ms, gap_ms)
        self._sent_ms, self._last_ms = sent_ms, arrival_ms
        self._packets += 1
        self._bytes += size
        if not self._is_drawn_out():
            return None
        bps = 8e3 * self._bytes / (arrival_ms - self._first_ms)
        return bps if bps >= LEAST_BPS else None

    def _is_drawn_out(self) -> bool:
        if self._packets < LEAST_PACKETS or self._last_ms - self._first_ms < TRAIN_MS:
            return False
        late = sum(took_ms > PROMPT_MS for took_ms in self._took_ms)
        return (
            self._most_gap_ms <= EVEN * self._least_gap_ms
            and len(self._took_ms) >= LEAST_TRAINS_KEPT
            and late <= MOST_LATE
        )

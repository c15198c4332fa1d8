"""Which video packets are missing, and when to ask for them again. No sockets, no threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

HISTORY: Final = 512
"""Packets so far behind the newest are not asked for: senders have forgotten them."""
REPEAT_SHARE: Final = 0.6
"""Of the time that an answer takes: asking again so soon costs a packet too many now and then, and saves a freeze where
the answer is lost too."""
LONGEST_REPEAT_S: Final = 0.25
LOSSY: Final = 0.03
LOSS_WEIGHT: Final = 1 / 256
"""Where such a share of the last packets came behind missing ones requests are lost too, and each is sent twice,
`repeat_s` apart. A burst counts once: that is no chance."""
ANSWER_SHARE: Final = 0.2
"""Weight of the newest answer in the time that answers take."""
TOO_OLD_S: Final = 1.0
"""What has not come by then is of no use any more."""


class Numbered(Protocol):
    """A packet with a 16-bit, wrapping sequence number."""

    sequence_number: int


@dataclass(slots=True)
class _Gap:
    noticed_s: float
    asked_s: float = float("-inf")
    asked: int = 0


class RetransmissionRequests:
    """Says after each packet whether to send a NACK for `missing`: on a new gap, and again while a gap stays open.

    Asking once is not enough: where one packet in ten is lost so is one retransmission in ten, and the picture would
    freeze until the buffer overflows. Asking on each packet is too much: on a slow line the answers of a dozen requests
    come, and jam it. Each packet is asked for again when its answer should have come.
    """

    def __init__(
        self,
        *,
        repeat_s: float = 0.03,
        on_gap: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask again after `repeat_s` at the earliest: packets come every 33 ms at least while a camera sends.

        `on_gap` is told how many packets are missing before each that comes.
        """
        self.missing: set[int] = set()
        """What to ask for now."""
        self._least_repeat_s = repeat_s
        self._on_gap, self._clock = on_gap, clock
        self._highest: int | None = None
        self._gaps: dict[int, _Gap] = {}
        self._answer_s: float | None = None
        self._lost_share = 0.0

    @property
    def answer_s(self) -> float | None:
        """How long a packet that was asked for takes to come; None: not known."""
        return self._answer_s

    def add(self, packet: Numbered) -> bool:
        """Note one received packet (a retransmitted one under its original number); True: ask for `missing` now."""
        sequence, now_s = packet.sequence_number, self._clock()
        if self._highest is None:
            self._highest = sequence
            return False
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead == 0 or ahead >= 0x8000:
            self._fill(sequence, now_s)
        else:
            if ahead > 1:
                self._on_gap(ahead - 1)
            for step in range(max(1, ahead - HISTORY), ahead):
                self._gaps[(self._highest + step) & 0xFFFF] = _Gap(now_s)
            self._highest = sequence
            self._lost_share += LOSS_WEIGHT * ((ahead > 1) - self._lost_share)
        highest = self._highest
        self._gaps = {
            number: gap
            for number, gap in self._gaps.items()
            if (highest - number) & 0xFFFF <= HISTORY and now_s - gap.noticed_s <= TOO_OLD_S
        }
        self.missing = {number for number, gap in self._gaps.items() if now_s - gap.asked_s >= self._repeat_s(gap)}
        for number in self.missing:
            gap = self._gaps[number]
            gap.asked_s, gap.asked = now_s, gap.asked + 1
        return bool(self.missing)

    def _repeat_s(self, gap: _Gap) -> float:
        """Return how long after it was asked for last a packet is asked for again."""
        if self._answer_s is None or (gap.asked == 1 and self._lost_share > LOSSY):
            return self._least_repeat_s
        return min(max(self._least_repeat_s, REPEAT_SHARE * self._answer_s), LONGEST_REPEAT_S)

    def _fill(self, sequence: int, now_s: float) -> None:
        gap = self._gaps.pop(sequence, None)
        if gap is None:
            return
        # Nobody can tell which request it answers: most often it is the first one, which was sent at once.
        took_s, known = now_s - gap.noticed_s, self._answer_s
        self._answer_s = took_s if known is None else known + ANSWER_SHARE * (took_s - known)

"""What was sent lately, and how much of it was asked for again: a record without sockets, the clock handed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

KEPT: Final = 512
"""Packets kept to be sent again: 1.5 s at 3 Mbit/s. aiortc's 128 are gone before the second try on a slow line."""
WINDOW_S: Final = 0.12
"""Losses are counted over so long: three pictures or four."""
HEAVY_LOSS: Final = 0.6
"""Share of packets that no line loses by chance for so long: it has become narrow, and its queue is full."""
FEWEST_LOST: Final = 6
RATE_WINDOW_S: Final = 1.0
SUSPECT_S: Final = 1.0
"""How long after the line's queue was full packets are asked for that it had no room for."""

_Packet = TypeVar("_Packet")


@dataclass(slots=True)
class _Sent(Generic[_Packet]):
    packet: _Packet
    size: int
    at_s: float
    lost: bool = False


class SentPackets(Generic[_Packet]):
    """The last packets by their numbers (16 bits, wrapping)."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, _Sent[_Packet]] = OrderedDict()
        self._full_s = float("-inf")

    def add(self, number: int, packet: _Packet, size: int, now_s: float) -> None:
        """Note a packet of so many bytes that leaves now."""
        self._sent[number] = _Sent(packet, size, now_s)
        self._sent.move_to_end(number)
        while len(self._sent) > KEPT:
            self._sent.popitem(last=False)

    def ask(self, number: int) -> _Packet | None:
        """Note that a packet was asked for; return it, or None where it is not known any more."""
        sent = self._sent.get(number)
        if sent is None:
            return None
        sent.lost = True
        return sent.packet

    def carried_bps(self, number: int) -> float | None:
        """Return how many bits a second came through when this packet was sent; None while hardly any are lost."""
        newest = self._sent.get(number)
        if newest is None:
            return None
        around = [sent for sent in reversed(self._sent.values()) if newest.at_s - WINDOW_S < sent.at_s <= newest.at_s]
        lost = sum(sent.lost for sent in around)
        if lost < FEWEST_LOST or lost < HEAVY_LOSS * len(around):
            return None
        return 8 * sum(sent.size for sent in around if not sent.lost) / WINDOW_S

    def suspect(self, now_s: float) -> None:
        """Note that the line's queue is full now: of what has left by now much is lost."""
        self._full_s = now_s

    def is_suspect(self, number: int, now_s: float) -> bool:
        """Return whether this packet is one of those that a full queue had no room for."""
        sent = self._sent.get(number)
        return sent is not None and sent.at_s <= self._full_s and now_s - self._full_s < SUSPECT_S

    def bps(self, now_s: float) -> float:
        """Return how many bits a second were sent in the last second, or since the oldest packet that is kept."""
        recent = [sent for sent in self._sent.values() if now_s - sent.at_s < RATE_WINDOW_S]
        if not recent:
            return 0.0
        window_s = RATE_WINDOW_S if len(recent) < KEPT else max(now_s - recent[0].at_s, WINDOW_S)
        return 8 * sum(sent.size for sent in recent) / window_s

    def forget(self) -> None:
        """Forget all: nobody needs them any more."""
        self._sent.clear()

"""The 32 bits that a watermark carries: which server drew a picture, on what day, in which call."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import Final

SERVER_BITS: Final = 7
DAY_BITS: Final = 11
CALL_BITS: Final = 14
NUMBER_BITS: Final = SERVER_BITS + DAY_BITS + CALL_BITS
FIRST_DAY: Final = datetime.date(2026, 1, 1)
"""Day 0. Days are counted modulo 2048: a mark is read as the latest day that it can be."""


@dataclass(frozen=True, slots=True)
class MarkNumbers:
    """What a watermark says."""

    server: int
    """0..127: which of an operator's servers, by the setting `watermark_server`."""
    day: int
    """0..2047, days since `FIRST_DAY`, UTC, modulo 2048."""
    call: int
    """0..16383: of a call, what `call_number` makes of its name."""

    def __post_init__(self) -> None:
        for value, bits in ((self.server, SERVER_BITS), (self.day, DAY_BITS), (self.call, CALL_BITS)):
            if not 0 <= value < 1 << bits:
                raise ValueError(f"A watermark's number {value} does not fit into {bits} bits.")

    def pack(self) -> int:
        """Return the numbers as one of 32 bits."""
        return (self.server << DAY_BITS | self.day) << CALL_BITS | self.call

    @classmethod
    def unpack(cls, number: int) -> MarkNumbers:
        """Return what `pack` has packed."""
        call, rest = number & (1 << CALL_BITS) - 1, number >> CALL_BITS
        return cls(rest >> DAY_BITS, rest & (1 << DAY_BITS) - 1, call)

    def date(self, today: datetime.date) -> datetime.date:
        """Return the latest day, not after tomorrow (clocks and time zones differ), that the mark can be of."""
        latest = (today - FIRST_DAY).days + 1
        return FIRST_DAY + datetime.timedelta(days=latest - (latest - self.day) % (1 << DAY_BITS))


def day_number(today: datetime.date) -> int:
    """Return the day as a watermark counts it."""
    return (today - FIRST_DAY).days % (1 << DAY_BITS)


def call_number(name: str) -> int:
    """Return the number, 0..16383, of the call of that name: two of a day's calls share one in 16384."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big") % (1 << CALL_BITS)

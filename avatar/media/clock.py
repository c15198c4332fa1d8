"""One continuous clock for a file whose timestamps may leap: joined recordings, damaged times, streams that were cut.

Pictures and sound are read apart, so whoever reads either shows every packet of both to a clock like this: it comes to
the same answer each time, and the two stay in step. Pure but for what it remembers; no file, no decoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

LONGEST_PAUSE_S: Final = 60.0
"""A step forward above this is a leap of the file's clock: nothing happened in between."""
STEP_BACK_S: Final = 0.5
"""A step back above this is a leap: packets of one stream are stored in their order."""
DOUBTED_S: Final = 1.0
"""A step forward above this is believed when the packet after it confirms it."""
MOST_PAUSES_S: Final = 3600.0
"""Pauses of a file in all; of a file with more, each further one is a leap."""
REMEMBERED_LEAPS: Final = 4
"""Of the leaps that other streams have made, so many are looked at for one that fits."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Placed(Generic[Item]):
    """A packet and its time on the clock without leaps."""

    item: Item
    time_s: float
    moved_s: float
    """How much later that is than the packet itself says; 0 for one that says nothing."""


@dataclass(slots=True)
class _Stream:
    """State of one stream."""

    due_s: float | None = None
    """When its next packet is expected, on the clock without leaps."""
    era: int = 0
    """How many leaps it has made."""


@dataclass(slots=True)
class FileClock(Generic[Item]):
    """The clock of one file. Packets of each stream in the order in which the file stores them."""

    _streams: dict[int, _Stream] = field(default_factory=dict)
    _shifts_s: list[float] = field(default_factory=lambda: [0.0])
    """What is added to the file's own times, by how many leaps there were."""
    _doubted: dict[int, tuple[Item, float, float]] = field(default_factory=dict)
    """A packet of each stream whose time is not believed yet, with its own time and how long it lasts."""
    _paused_s: float = 0.0

    def place(self, stream: int, item: Item, time_s: float | None, lasts_s: float) -> list[Placed[Item]]:
        """Take a packet; return it with its time, and before it one that was doubted; nothing while it is doubted.

        Args:
            stream: whose packet it is.
            item: the packet.
            time_s: what the file says, None where it says nothing.
            lasts_s: how long it lasts, 0 where that is not known.
        """
        known = self._streams.setdefault(stream, _Stream())
        placed: list[Placed[Item]] = []
        doubted = self._doubted.pop(stream, None)
        if time_s is None:
            return [*self._settle(known, doubted), self._follow(known, item, None, lasts_s)]
        if doubted is not None:
            after_s = (known.due_s or 0.0) + doubted[2]
            if self._fits(time_s + self._shifts_s[known.era], after_s):
                # It goes on as if the doubted one had not been: that one's time was damaged.
                placed.append(self._follow(known, doubted[0], doubted[1], doubted[2]))
            else:
                placed += self._settle(known, doubted)
        if known.due_s is None or self._fits(time_s + self._shifts_s[known.era], known.due_s):
            return [*placed, self._believe(known, item, time_s, lasts_s)]
        self._doubted[stream] = item, time_s, lasts_s
        return placed

    def finish(self) -> list[Placed[Item]]:
        """Return what is doubted at the file's end: with no packet after it, it follows the one before."""
        doubted, self._doubted = self._doubted, {}
        return [
            self._follow(self._streams[stream], item, time_s, lasts_s)
            for stream, (item, time_s, lasts_s) in doubted.items()
        ]

    def _fits(self, time_s: float, due_s: float) -> bool:
        return -STEP_BACK_S <= time_s - due_s <= DOUBTED_S

    def _settle(self, known: _Stream, doubted: tuple[Item, float, float] | None) -> list[Placed[Item]]:
        """Believe a doubted packet: after a pause, or a leap that other streams make too."""
        if doubted is None:
            return []
        item, time_s, lasts_s = doubted
        due_s = known.due_s or 0.0
        step_s = time_s + self._shifts_s[known.era] - due_s
        if 0 < step_s <= min(LONGEST_PAUSE_S, MOST_PAUSES_S - self._paused_s):
            self._paused_s += step_s
            return [self._believe(known, item, time_s, lasts_s)]
        known.era = self._era_of(known.era, time_s, due_s)
        return [self._believe(known, item, time_s, lasts_s)]

    def _era_of(self, era: int, time_s: float, due_s: float) -> int:
        """Return after which leap a packet is: one that another stream has made already, or a new one."""
        for later in range(max(era + 1, len(self._shifts_s) - REMEMBERED_LEAPS), len(self._shifts_s)):
            if self._fits(time_s + self._shifts_s[later], due_s):
                return later
        self._shifts_s.append(due_s - time_s)
        return len(self._shifts_s) - 1

    def _believe(self, known: _Stream, item: Item, time_s: float, lasts_s: float) -> Placed[Item]:
        at_s = time_s + self._shifts_s[known.era]
        known.due_s = at_s + lasts_s
        return Placed(item, at_s, self._shifts_s[known.era])

    def _follow(self, known: _Stream, item: Item, time_s: float | None, lasts_s: float) -> Placed[Item]:
        """Place a packet right after the one before, whatever it says."""
        at_s = known.due_s or 0.0
        known.due_s = at_s + lasts_s
        return Placed(item, at_s, 0.0 if time_s is None else at_s - time_s)

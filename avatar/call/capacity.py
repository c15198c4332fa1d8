"""How many calls this server holds: what is measured of it, and what follows for the calls that run and one more.

`timing.call_capacity` decides; here the measurements are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from avatar.timing.call_capacity import (
    CallCost,
    Running,
    most_calls,
    observe_cost,
    room_for_calls,
    shared_level,
    simplest_planned,
)
from avatar.timing.machine_load import LoadMeter, usable_cores

SETTLED_S: Final = 5.0
"""A call that is younger is still opening what it needs: it does not tell what calls cost."""

SURE: Final = 1.2
"""So many times as much as they seem to cost must fit, before calls are no longer asked to be as simple as they are.
Three calls that were asked for the level before the last seemed to cost 0.49 cores each at full quality, and two levels
higher 0.57: all of them went up and down again every few seconds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one call does."""

    level: int | None
    """On the ladder of quality; None: its quality is fixed."""
    in_time: bool
    age_s: float
    weight: float = 1.0
    """What it costs at full quality, where a call that is driven by a camera costs 1."""


class Capacity:
    """Says what the server has room for. Used on the event loop only."""

    def __init__(
        self,
        load: LoadMeter,
        *,
        cores: int | None = None,
        interpreters: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with room for any call, until it is known what one costs.

        `load` is the machine's, `cores` its own; calls can be spread over so many `interpreters`.
        """
        self._load, self._clock, self._interpreters = load, clock, interpreters
        self._cores = float(len(usable_cores()) if cores is None else cores)
        self._cost: CallCost | None = None
        self._room = room_for_calls(self._cores, 0.0, interpreters)
        self.shared_level = 0
        """The level of the ladder that all calls are asked to be at, at least."""

    @property
    def call_cores(self) -> float:
        """Processor cores that a call at full quality costs; 0 before that is known."""
        return 0.0 if self._cost is None else self._cost.cores

    def tried(self, cores: float) -> None:
        """Take in what a call was measured to cost when the server started."""
        self._cost = CallCost(cores, self._clock())

    def look(self, calls: Sequence[Standing]) -> None:
        """Take in how the machine and the calls do, those on their way too. About once a second."""
        now_s, load = self._clock(), self._load.read()
        if load is not None:
            self._room = room_for_calls(self._cores, load.other_cores or 0.0, self._interpreters)
            if calls and all(call.age_s >= SETTLED_S for call in calls):
                weighed = [(call.level or 0, call.weight) for call in calls]
                in_time = all(call.in_time for call in calls)
                self._cost = observe_cost(self._cost, load.own_cores, weighed, now_s, in_time=in_time)
        if self._cost is None or len(calls) <= 1:
            self.shared_level = 0  # a call that is alone makes room for nobody
            return
        level = self._level(calls, self._cost)
        if level < self.shared_level:  # better: only where that would hold if calls cost more than they seem to now
            level = min(self._level(calls, replace(self._cost, cores=SURE * self._cost.cores)), self.shared_level)
        self.shared_level = level

    def has_room(self, calls: Sequence[Standing], another: Standing, awaited: int = 0) -> bool:
        """Return whether one more call can be held beside these, all as simple as need be. The only one always can.

        `awaited`: so many more like `another` are expected, and have to fit too.
        """
        if not calls or self._cost is None:
            return True
        expected = [another] * (1 + awaited)
        return shared_level(self._cost, _running([*calls, *expected]), self._room) is not None

    def most(self, *, adapting: bool) -> int | None:
        """Return how many calls there is room for in all; None before it is known what one costs."""
        return None if self._cost is None else most_calls(self._cost, self._room, adapting=adapting)

    def _level(self, calls: Sequence[Standing], cost: CallCost) -> int:
        level = shared_level(cost, _running(calls), self._room)
        return simplest_planned() if level is None else level


def _running(calls: Sequence[Standing]) -> Running:
    return Running(
        adapting=sum(call.weight for call in calls if call.level is not None),
        fixed=sum(call.weight for call in calls if call.level is None),
    )

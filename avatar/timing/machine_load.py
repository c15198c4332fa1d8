"""How much of the machine this server uses, and how much of it stands idle."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC_STAT: Final = Path("/proc/stat")
EVERY_S: Final = 0.5
"""Readings are at least so far apart; who asks in between gets the last one."""


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """Processor cores, on average since the reading before."""

    own_cores: float
    """Used by this server, in all its processes."""
    spare_cores: float | None
    """Idle, of those that this process may use; None where the system does not say."""
    other_cores: float | None
    """Of these, used by others; None as above."""
    process_cores: float = 0.0
    """Used by this process alone."""


class LoadMeter:
    """Reads the load, twice a second at most. For one thread."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        own_s: Callable[[], float] = time.process_time,
        idle_s: Callable[[], float | None] | None = None,
        siblings: Callable[[], float] = lambda: 0.0,
        cores: int | None = None,
    ) -> None:
        """Begin.

        Args:
            clock: seconds, as time.monotonic().
            own_s: returns the processor seconds that this process has used so far.
            idle_s: returns those that nobody has used, of `cores`; None where the system does not say.
            siblings: returns the processor cores that other processes of the same server use.
            cores: that may be used; None: those of the machine.
        """
        self._siblings = siblings
        self._cores = len(usable_cores()) if cores is None else cores
        self._clock, self._own_s, self._idle_s = clock, own_s, idle_seconds if idle_s is None else idle_s
        self._load: MachineLoad | None = None
        self._before = (self._clock(), self._own_s(), self._idle_s())

    def read(self) -> MachineLoad | None:
        """Return the load of about the last half second; None before that is known."""
        now_s = self._clock()
        then_s, own_then, idle_then = self._before
        elapsed = now_s - then_s
        if elapsed >= EVERY_S:
            own, idle = self._own_s(), self._idle_s()
            self._before = (now_s, own, idle)
            spare = None if idle is None or idle_then is None else max(idle - idle_then, 0.0) / elapsed
            process = (own - own_then) / elapsed
            used = process + self._siblings()
            other = None if spare is None else max(self._cores - used - spare, 0.0)
            self._load = MachineLoad(used, spare, other, process)
        return self._load


def usable_cores() -> set[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def idle_seconds() -> float | None:
    """Return how long the cores that this process may use have stood idle in all; None without /proc/stat."""
    try:
        return idle_of(PROC_STAT.read_text(), usable_cores(), os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError):
        return None


def idle_of(stat: str, cores: set[int], ticks_per_s: int) -> float:
    """Return the idle seconds of some cores in the text of /proc/stat (man 5 proc: `idle` and `iowait`).

    Raises ValueError where it has another form.
    """
    total = 0
    for line in stat.splitlines():
        name, *numbers = line.split() or [""]
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            if len(numbers) < 5:
                raise ValueError(line)
            total += int(numbers[3]) + int(numbers[4])
    return total / ticks_per_s

"""How many calls a server can hold, and how simple they have to be for that: pure functions of what was measured.

A call costs processor time: so much at full quality, a known share of it on each level of the ladder of quality
(`quality_ladder.LADDER`). What it costs is measured as the server starts, then on the calls that run. A server that is
short asks its calls to step down before it refuses one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from avatar.timing.quality_ladder import LADDER, QualityLevel

ROOM_SHARE: Final = 0.9
"""Share of the processor that calls are expected to take at most: pictures of a machine without any rest come late."""
FAIR_SHARE: Final = 0.5
"""What other programs use is theirs, but for this share of the machine: between programs that all want more than there
is the system divides."""
PLANNED_FPS_SHARE: Final = 0.8
"""Levels with fewer pictures a second are kept for what comes unexpectedly: no call is taken in counting on them."""
INTERPRETER_CORES: Final = 1.3
"""What the calls of one process can use at all: their threads take turns at one interpreter. With three calls at full
quality a server used 1.4 of two cores and showed 15 pictures a second, three servers with one call each 1.8 and 25
(`benchmarks.capacity --parts processes`)."""
LEARN_S: Final = 10.0
"""Time constant with which calls that run tell what one costs."""
MOST_CORES: Final = 8.0
LEAST_CORES: Final = 0.02
"""What a call at full quality may be thought to cost: whatever was measured, beyond that the measuring is wrong."""


@dataclass(frozen=True, slots=True)
class CallCost:
    """What a call at full quality costs."""

    cores: float
    """Processor cores."""
    updated_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """The calls of a server, with those that are being opened."""

    adapting: float
    """What the calls cost at full quality whose quality follows the machine."""
    fixed: float = 0.0
    """What the calls cost that stay as they were asked for; one that a camera drives is 1."""


def observe_cost(
    known: CallCost | None,
    own_cores: float,
    calls: Sequence[tuple[int, float]],
    now_s: float,
    ladder: Sequence[QualityLevel] = LADDER,
) -> CallCost | None:
    """Return what a call costs after a look at the calls that run.

    Args:
        known: so far; None: nothing.
        own_cores: processor cores that the server uses with all its calls. Only where all of them come in time: calls
            that are short use what they get, not what they need.
        calls: where each call stands, 0 for one whose quality is fixed; and its weight at full quality.
        now_s: the present.
        ladder: of quality.
    """
    weight = sum(weight * ladder[level].cost for level, weight in calls)
    if not weight:
        return known and replace(known, updated_s=now_s)
    measured = own_cores / weight
    elapsed = 0.0 if known is None else max(now_s - known.updated_s, 0.0)
    before = measured if known is None else known.cores
    cores = before + elapsed / (LEARN_S + elapsed) * (measured - before)
    return CallCost(min(max(cores, LEAST_CORES), MOST_CORES), now_s)


def room_for_calls(cores: float, other_cores: float, interpreters: int = 1) -> float:
    """Return the processor cores that calls may take.

    Args:
        cores: of the machine.
        other_cores: that other programs use.
        interpreters: over which the calls can be spread, each a process of its own.
    """
    return min(ROOM_SHARE * max(cores - other_cores, FAIR_SHARE * cores), INTERPRETER_CORES * interpreters)


def shared_level(cost: CallCost, running: Running, room: float, ladder: Sequence[QualityLevel] = LADDER) -> int | None:
    """Return the best level on which a server can hold all its adapting calls at once; None: there is none."""
    for number, level in enumerate(ladder[: simplest_planned(ladder) + 1]):
        if cost.cores * (running.fixed + running.adapting * level.cost) <= room:
            return number
    return None


def most_calls(cost: CallCost, room: float, *, adapting: bool, ladder: Sequence[QualityLevel] = LADDER) -> int:
    """Return how many calls a server can hold at once; at least one, whose user sees how it does."""
    share = ladder[simplest_planned(ladder)].cost if adapting else 1.0
    return max(int(room / (cost.cores * share)), 1)


def simplest_planned(ladder: Sequence[QualityLevel] = LADDER) -> int:
    """Return the simplest level that calls are taken in counting on."""
    return max(number for number, level in enumerate(ladder) if level.fps_share >= PLANNED_FPS_SHARE)

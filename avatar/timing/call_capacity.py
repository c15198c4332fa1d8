"""How many calls a server can hold, and how simple they have to be for that: pure functions of what was measured.

A call costs processor time: so much at full quality, a known share of it on each level of the ladder of quality
(`quality_ladder.LADDER`), and a larger share of the interpreter, which all calls of a process take turns at. What it
costs is measured as the server starts, then on the calls that run. A server that is short asks its calls to step down
before it refuses one.
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
"""What the calls of one process can use at full quality: their threads take turns at one interpreter. Three calls of
0.49 cores each used 1.46, and were late (25 pictures a second, p95 176 ms; `benchmarks.capacity` with `--overbook`)."""
ALWAYS_HELD: Final = 0.6
"""What every call needs the interpreter for on top of what it costs on its level, as a share of its cost at full
quality: sound, transport and the Python of a picture of any size. Chosen so that what was measured fits: two calls of
0.62 cores and three of 0.6 on the level before the last are in time, three of 0.5 on the second level and four of 0.49
on that before the last are late, with 1.0 to 1.3 of two cores used. The interpreter's own time, sampled (`py-spy
record --gil`), falls as slowly: 0.88 on the second level, 0.77 on that before the last, 0.67 on the last."""
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
class Room:
    """What calls may take."""

    cores: float
    """Processor cores."""
    interpreter_cores: float
    """And so many where all they did were what calls at full quality do."""


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
    *,
    in_time: bool = True,
) -> CallCost | None:
    """Return what a call costs after a look at the calls that run.

    Args:
        known: so far; None: nothing.
        own_cores: processor cores that the server uses with all its calls.
        calls: where each call stands, 0 for one whose quality is fixed; and its weight at full quality.
        now_s: the present.
        ladder: of quality.
        in_time: none of the calls is short. Those that are use what they get and need more: they can only tell that a
            call costs more than was known.
    """
    weight = sum(weight * ladder[level].cost for level, weight in calls)
    if not weight:
        return known and replace(known, updated_s=now_s)
    measured = own_cores / weight
    elapsed = 0.0 if known is None else max(now_s - known.updated_s, 0.0)
    before = measured if known is None else known.cores
    if not in_time and measured < before:
        measured = before
    cores = before + elapsed / (LEARN_S + elapsed) * (measured - before)
    return CallCost(min(max(cores, LEAST_CORES), MOST_CORES), now_s)


def room_for_calls(cores: float, other_cores: float, interpreters: int = 1) -> Room:
    """Return what calls may take.

    Args:
        cores: of the machine.
        other_cores: that other programs use.
        interpreters: over which the calls can be spread, each a process of its own.
    """
    return Room(ROOM_SHARE * max(cores - other_cores, FAIR_SHARE * cores), INTERPRETER_CORES * interpreters)


def shared_level(cost: CallCost, running: Running, room: Room, ladder: Sequence[QualityLevel] = LADDER) -> int | None:
    """Return the best level on which a server can hold all its adapting calls at once; None: there is none."""
    for number, level in enumerate(ladder[: simplest_planned(ladder) + 1]):
        taken = cost.cores * (running.fixed + running.adapting * level.cost)
        held = cost.cores * (running.fixed + running.adapting * _held_share(level))
        if taken <= room.cores and held <= room.interpreter_cores:
            return number
    return None


def most_calls(cost: CallCost, room: Room, *, adapting: bool, ladder: Sequence[QualityLevel] = LADDER) -> int:
    """Return how many calls a server can hold at once; at least one, whose user sees how it does."""
    level = ladder[simplest_planned(ladder) if adapting else 0]
    most = min(room.cores / level.cost, room.interpreter_cores / _held_share(level)) / cost.cores
    return max(int(most), 1)


def simplest_planned(ladder: Sequence[QualityLevel] = LADDER) -> int:
    """Return the simplest level that calls are taken in counting on."""
    return max(number for number, level in enumerate(ladder) if level.fps_share >= PLANNED_FPS_SHARE)


def _held_share(level: QualityLevel) -> float:
    """Return how long a call holds the interpreter on a level, of the time at full quality."""
    return (level.cost + ALWAYS_HELD) / (1 + ALWAYS_HELD)

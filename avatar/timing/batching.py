"""When a network that several calls share begins its next batch: a pure rule, and what it knows of the calls.

A frame that waits for others makes the batch larger and the network quicker for each, but itself later. The rule waits
for the next expected frame only where that makes all of them wait less together, and never for longer than a frame's
budget. Where the network is busy, frames gather by themselves. A lone call never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

BUDGET_S: Final = 0.008
"""The longest that a frame waits for others of its batch: a quarter of the time between two pictures."""
LARGEST_BATCH: Final = 32
SILENT_S: Final = 0.2
"""A call that has asked for nothing for so long is expected no more."""
SMOOTHING: Final = 0.2
"""Share of the newest interval in what a call's next frame is expected by."""

ServiceTime = Callable[[int], float]
"""Seconds that the network takes for a batch of so many frames."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin now with the oldest frames."""

    count: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Begin no sooner than a moment, unless another frame comes before it."""

    until_s: float


def next_batch(
    waiting_s: Sequence[float],
    expected_s: Sequence[float],
    now_s: float,
    service_s: ServiceTime,
    *,
    largest: int = LARGEST_BATCH,
    budget_s: float = BUDGET_S,
) -> Start | Wait | None:
    """Return what an idle network does at `now_s`: None where no frame waits.

    Args:
        waiting_s: when each waiting frame came, oldest first.
        expected_s: when frames of other calls are expected to come, in any order.
        now_s: the present, on the same clock.
        service_s: how long the network takes.
        largest: the most frames of a batch.
        budget_s: the longest that a frame waits for others.
    """
    if not waiting_s:
        return None
    count = min(len(waiting_s), largest)
    coming_s = min((at for at in expected_s if at > now_s), default=None)
    if count == largest or coming_s is None or coming_s > waiting_s[0] + budget_s:
        return Start(count)
    # Those that wait lose `longer` each; the one to come would otherwise wait for the rest of this batch.
    longer = coming_s - now_s
    saved = service_s(count) - longer
    return Wait(coming_s) if count * longer < saved else Start(count)


@dataclass(frozen=True, slots=True)
class _Rhythm:
    last_s: float
    interval_s: float | None = None


class Arrivals:
    """How often each call asks for a frame. For one thread at a time."""

    def __init__(self) -> None:
        self._rhythms: dict[Hashable, _Rhythm] = {}

    def arrived(self, call: Hashable, now_s: float) -> None:
        """Take note of a call's frame; calls that have fallen silent are forgotten."""
        self._rhythms = {
            other: rhythm
            for other, rhythm in self._rhythms.items()
            if now_s - rhythm.last_s <= SILENT_S or other == call
        }
        before = self._rhythms.get(call)
        interval_s = None if before is None or now_s - before.last_s > SILENT_S else now_s - before.last_s
        if interval_s is not None and before is not None and before.interval_s is not None:
            interval_s = before.interval_s + SMOOTHING * (interval_s - before.interval_s)
        self._rhythms[call] = _Rhythm(now_s, interval_s)

    def expected(self, waiting: Sequence[Hashable]) -> list[float]:
        """Return when the next frames come of calls whose rhythm is known and of which none waits."""
        return [
            rhythm.last_s + rhythm.interval_s
            for call, rhythm in self._rhythms.items()
            if rhythm.interval_s is not None and call not in waiting
        ]


class ServiceTimes:
    """What batches have taken lately: a line through the averages of each size. For one thread at a time."""

    def __init__(self) -> None:
        self._mean_s: dict[int, float] = {}

    def took(self, count: int, seconds: float) -> None:
        """Take note of a batch."""
        before = self._mean_s.get(count, seconds)
        self._mean_s[count] = before + SMOOTHING * (seconds - before)

    def __call__(self, count: int) -> float:
        """Return how long a batch of so many frames takes, as far as is known: 0 before the first."""
        if count in self._mean_s or not self._mean_s:
            return self._mean_s.get(count, 0.0)
        nearest = min(self._mean_s, key=lambda size: abs(size - count))
        return self._mean_s[nearest] * count / nearest if count < nearest else self._mean_s[nearest]

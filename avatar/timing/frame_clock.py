"""When each tick of an avatar is due, what is drawn when time is short, and when the clock gives way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

SLIP_S: Final = 0.2
"""A taker that comes later than this for its frames has paused: the clock waits for it. Otherwise time is made up."""
MOST_SKIPPED: Final = 3
"""After so many ticks without a picture one is drawn, however late."""


@dataclass(frozen=True, slots=True)
class FrameClock:
    """Ticks of one picture and its sound at a steady rate."""

    fps: int
    begin_s: float
    """When tick 0 is due."""

    @property
    def period_s(self) -> float:
        """From one tick to the next."""
        return 1 / self.fps

    def due_s(self, index: int) -> float:
        """Return when a tick is due."""
        return self.begin_s + index / self.fps

    def start_s(self, index: int, lead_s: float) -> float:
        """Return when work on a tick begins: `lead_s` before it is due, so that nothing is known too early."""
        return self.due_s(index) - lead_s

    def worth_drawing(self, index: int, now_s: float, skipped: int) -> bool:
        """Return whether there is time to draw a tick's picture; its sound goes out in any case."""
        return skipped >= MOST_SKIPPED or now_s <= self.due_s(index) - self.period_s / 2

    def taken(self, index: int, now_s: float) -> FrameClock:
        """Return the clock after a tick was taken at `now_s`: put off when its taker had paused."""
        late_s = now_s - self.due_s(index)
        return replace(self, begin_s=self.begin_s + late_s) if late_s > SLIP_S else self

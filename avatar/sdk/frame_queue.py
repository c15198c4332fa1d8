"""Queue of ticks between the renderer and whoever takes the frames: bounded, on one frame clock, across threads."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from avatar.errors import AvatarError
from avatar.sdk.speech_playout import SpeechPlayout, Tick
from avatar.timing.frame_clock import FrameClock
from avatar.types import U8


@dataclass(slots=True)
class QueuedTick:
    """A tick that was planned and waits to be taken."""

    tick: Tick
    rgb: U8 | None = None
    settled: bool = False
    """Its picture has come, or none will."""


@dataclass(frozen=True, slots=True)
class TakenTick:
    """A tick that is due."""

    tick: Tick
    rgb: U8 | None
    """(height, width, 3 or 4), as a generator draws it; None: there is no picture for it."""
    late_s: float
    slipped: bool
    """It is so late that the frame clock was put back."""


class FrameQueue:
    """Ticks that a renderer plans and settles, and the avatar takes. Any method from any thread."""

    def __init__(self, playout: SpeechPlayout) -> None:
        self.playout = playout
        self.changed = threading.Condition()
        """Notified when there may be more to plan, or nothing ever again."""
        self.on_change: Callable[[], None] = lambda: None
        """Called from any thread when `changed` is notified: for a renderer that cannot wait for a condition."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called from any thread when a tick may be ready, or none will be any more."""
        self.patience_s = math.inf
        """How long a tick is late, rather than without its picture, while that is on its way."""
        self.failure: AvatarError | None = None
        """Why there will be no more ticks."""
        self.closed = False
        self._planned: deque[QueuedTick] = deque()
        self._clock: FrameClock | None = None
        self._next = 0

    @property
    def clock(self) -> FrameClock | None:
        """When ticks are due; None until the first is asked for."""
        with self.changed:
            return self._clock

    # For the renderer

    def plan_in_s(self, lead_s: float, most: int) -> float:
        """Return how many seconds from now to plan the next tick; infinite while it is not known.

        Args:
            lead_s: how long before it is due a tick is planned.
            most: ticks that may be planned and wait to be taken.
        """
        with self.changed:
            if self._clock is None or len(self._planned) >= most:
                return math.inf
            return max(self._clock.start_s(self._next, lead_s) - time.monotonic(), 0.0)

    def plan(self) -> Tick:
        """Return the next tick, which then waits to be taken."""
        tick = self.playout.plan(self._next)
        with self.changed:
            self._planned.append(QueuedTick(tick))
            self._next += 1
        return tick

    def settle(self, index: int, rgb: U8 | None) -> None:
        """Give a tick its picture, or none; those before it that have none get none any more."""
        with self.changed:
            for planned in self._planned:
                if planned.tick.index > index:
                    break
                if not planned.settled:
                    planned.rgb = rgb if planned.tick.index == index else None
                    planned.settled = True
        self.on_ready()

    def fail(self, error: AvatarError) -> None:
        """End the queue with an error; the first one counts."""
        with self.changed:
            if self.failure is None and not self.closed:
                self.failure = error
        self._notify()
        self.on_ready()

    def raise_failure(self) -> None:
        """Raise the error that has ended the queue, if one has: a new one of its type each time."""
        if self.failure is not None:
            error = type(self.failure)(str(self.failure))
            error.code = self.failure.code
            raise error

    # For the avatar

    def begin(self, lead_s: float) -> FrameClock:
        """Begin the clock, once: tick 0 is due in a moment."""
        with self.changed:
            if self._clock is not None:
                return self._clock
            self._clock = clock = FrameClock(self.playout.fps, time.monotonic() + max(lead_s, 1 / self.playout.fps))
        self._notify()
        return clock

    def take(self, now_s: float) -> TakenTick | float:
        """Remove and return the next tick if it is due, else the seconds to wait; infinite: until there is news."""
        with self.changed:
            if self._clock is None or not self._planned:
                return math.inf
            first, clock = self._planned[0], self._clock
            late_s = now_s - clock.due_s(first.tick.index)
            patience_s = 0.0 if first.settled else self.patience_s
            if late_s < patience_s:
                return patience_s - late_s
            self._planned.popleft()
            self._clock = clock.taken(first.tick.index, now_s)
            taken = TakenTick(first.tick, first.rgb, late_s, slipped=self._clock is not clock)
        self._notify()
        return taken

    def untaken(self) -> list[Tick]:
        """Remove and return the ticks that nobody will take any more: those left when drawing failed or was closed."""
        with self.changed:
            if self.failure is None and not self.closed:
                return []
            left = [planned.tick for planned in self._planned]
            self._planned.clear()
            return left

    def close(self) -> None:
        """End the queue: nothing is drawn or taken any more."""
        with self.changed:
            self.closed = True
        self._notify()
        self.on_ready()

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()
        self.on_change()

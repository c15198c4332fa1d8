"""Beats on their way from who draws them to who takes them: bounded, on one clock, across threads."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from avatar.errors import AvatarError
from avatar.sdk.speech_playout import Beat, SpeechLine
from avatar.timing.frame_clock import FrameClock
from avatar.types import U8


@dataclass(slots=True)
class PlannedBeat:
    """A beat that waits to be taken."""

    beat: Beat
    rgb: U8 | None = None
    settled: bool = False
    """Its picture is there, or there will be none."""


@dataclass(frozen=True, slots=True)
class TakenBeat:
    """A beat at its time."""

    beat: Beat
    rgb: U8 | None
    late_s: float
    slipped: bool
    """It is so late that the clock has been put off."""


class Beats:
    """What the one who draws and the one who takes share. Any method from any thread."""

    def __init__(self, line: SpeechLine) -> None:
        self.line = line
        self.changed = threading.Condition()
        """Notified when there may be more to plan, or nothing ever again."""
        self.on_change: Callable[[], None] = lambda: None
        """Called from any thread when `changed` is notified: for who draws and cannot wait for a condition."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called from any thread when there is news for the one who takes."""
        self.patience_s = math.inf
        """How long a beat is late, rather than without its picture, while that is on its way."""
        self.failure: AvatarError | None = None
        """Why there will be no more beats."""
        self.closed = False
        self._planned: deque[PlannedBeat] = deque()
        self._pace: FrameClock | None = None
        self._next = 0

    @property
    def pace(self) -> FrameClock | None:
        """When beats are due; None until the first is asked for."""
        with self.changed:
            return self._pace

    # Who draws

    def plan_in_s(self, lead_s: float, most: int) -> float:
        """Return how many seconds from now to plan the next beat; infinite while it is not known.

        Args:
            lead_s: how long before it is due a beat is planned.
            most: beats that may be planned and wait to be taken.
        """
        with self.changed:
            if self._pace is None or len(self._planned) >= most:
                return math.inf
            return max(self._pace.start_s(self._next, lead_s) - time.monotonic(), 0.0)

    def plan(self) -> Beat:
        """Return the next beat, which then waits to be taken."""
        beat = self.line.plan(self._next)
        with self.changed:
            self._planned.append(PlannedBeat(beat))
            self._next += 1
        return beat

    def settle(self, index: int, rgb: U8 | None) -> None:
        """Give a beat its picture, or none; those before it that have none get none any more."""
        with self.changed:
            for planned in self._planned:
                if planned.beat.index > index:
                    break
                if not planned.settled:
                    planned.rgb = rgb if planned.beat.index == index else None
                    planned.settled = True
        self.on_ready()

    def fail(self, error: AvatarError) -> None:
        """Say that there will be no more beats, and why; the first reason counts."""
        with self.changed:
            if self.failure is None and not self.closed:
                self.failure = error
        self._notify()
        self.on_ready()

    # Who takes

    def begin(self, lead_s: float) -> FrameClock:
        """Begin the clock, once: beat 0 is due in a moment."""
        with self.changed:
            if self._pace is not None:
                return self._pace
            self._pace = pace = FrameClock(self.line.fps, time.monotonic() + max(lead_s, 1 / self.line.fps))
        self._notify()
        return pace

    def take(self, now_s: float) -> TakenBeat | float:
        """Remove and return the next beat if it is due, else the seconds to wait; infinite: until there is news."""
        with self.changed:
            if self._pace is None or not self._planned:
                return math.inf
            first, pace = self._planned[0], self._pace
            late_s = now_s - pace.due_s(first.beat.index)
            patience_s = 0.0 if first.settled else self.patience_s
            if late_s < patience_s:
                return patience_s - late_s
            self._planned.popleft()
            self._pace = pace.taken(first.beat.index, now_s)
            taken = TakenBeat(first.beat, first.rgb, late_s, slipped=self._pace is not pace)
        self._notify()
        return taken

    def untaken(self) -> list[Beat]:
        """Remove and return the beats that nobody will take any more: those left when drawing failed or was closed."""
        with self.changed:
            if self.failure is None and not self.closed:
                return []
            left = [planned.beat for planned in self._planned]
            self._planned.clear()
            return left

    def close(self) -> None:
        """Nothing is drawn or taken any more."""
        with self.changed:
            self.closed = True
        self._notify()
        self.on_ready()

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()
        self.on_change()

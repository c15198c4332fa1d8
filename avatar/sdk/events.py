"""What happened to an avatar: told to its program at once, and kept for the next frame of sound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from avatar.sdk.frame_queue import TakenBeat
from avatar.sdk.frames import AvatarEvent, FellBehind

KEPT: Final = 256
"""Events that may wait for the next frame of sound; the oldest goes first."""
TELL_EVERY_S: Final = 1.0
"""Falling behind is told at most so often."""


class EventLog:
    """One avatar's events. Use on its event loop."""

    def __init__(self, on_event: Callable[[AvatarEvent], None] | None) -> None:
        """`on_event` is told of each event at once; what it raises is logged."""
        self._on_event = on_event
        self._waiting: deque[AvatarEvent] = deque(maxlen=KEPT)
        self._skipped = 0
        self._told_late_s = -TELL_EVERY_S

    def tell(self, event: AvatarEvent) -> None:
        """Take an event that has just happened."""
        self._waiting.append(event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception as error:  # the program's own, which must not cost it its sound: asyncio logs it
                context = {"message": f"on_event failed: {event}", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def note_lateness(self, taken: TakenBeat, now_s: float) -> None:
        """Take a beat that is handed out at `now_s`; tell, now and then, that drawing fell behind."""
        self._skipped += taken.rgb is None
        if (taken.slipped or self._skipped) and now_s - self._told_late_s >= TELL_EVERY_S:
            self.tell(FellBehind(1e3 * taken.late_s, self._skipped))
            self._told_late_s, self._skipped = now_s, 0

    def drain(self) -> tuple[AvatarEvent, ...]:
        """Remove and return the events that wait, oldest first."""
        events = tuple(self._waiting)
        self._waiting.clear()
        return events

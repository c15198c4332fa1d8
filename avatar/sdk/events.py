"""Log of an avatar's events: each goes to its program at once, and with the next frame of sound."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from typing import Final

from avatar.errors import SettingsError
from avatar.sdk.frame_queue import TakenTick
from avatar.sdk.frames import AvatarEvent, FellBehind

KEPT: Final = 256
"""Events that may wait for the next frame of sound; the oldest goes first."""
REPORT_EVERY_S: Final = 1.0
"""At most so often a `FellBehind` is reported."""


class EventLog:
    """One avatar's events. Use on its event loop."""

    def __init__(self, on_event: Callable[[AvatarEvent], None] | None) -> None:
        """Call `on_event` with each event at once; what it raises is logged.

        Raises SettingsError: it is no plain function.
        """
        if on_event is not None and (not callable(on_event) or inspect.iscoroutinefunction(on_event)):
            raise SettingsError(
                f"on_event cannot be {on_event!r}: it is a plain function of one event, called on the event loop. What "
                "has to be awaited, let it start with asyncio.create_task."
            )
        self._on_event = on_event
        self._waiting: deque[AvatarEvent] = deque(maxlen=KEPT)
        self._skipped = 0
        self._late_reported_s = -REPORT_EVERY_S

    def add(self, event: AvatarEvent) -> None:
        """Report an event that has just happened."""
        self._waiting.append(event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception as error:  # the program's own, which must not cost it its sound: asyncio logs it
                context = {"message": f"on_event failed: {event}", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def note_lateness(self, taken: TakenTick, now_s: float) -> None:
        """Note a tick that is taken at `now_s`; report, now and then, that drawing fell behind."""
        self._skipped += taken.rgb is None
        if (taken.slipped or self._skipped) and now_s - self._late_reported_s >= REPORT_EVERY_S:
            self.add(FellBehind(1e3 * taken.late_s, self._skipped))
            self._late_reported_s, self._skipped = now_s, 0

    def drain(self) -> tuple[AvatarEvent, ...]:
        """Remove and return the events that wait, oldest first."""
        events = tuple(self._waiting)
        self._waiting.clear()
        return events

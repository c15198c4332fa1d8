"""What a server does for itself soon after calls have opened, and soon after they have ended: memory is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

OPENED_S: Final = 4.0
"""How long after a call's begin it is taken to have opened all it needs, the search for a face included."""
AFTERWARDS_S: Final = 1.0
"""How soon after a call's end what is done afterwards begins: calls that end together share it."""


class Upkeep:
    """Gives memory back to the system. Used on the event loop only; the work itself is done in a thread."""

    def __init__(
        self,
        pool: Executor,
        *,
        after_opening: Callable[[], None] | None,
        after_call: Callable[[bool], None] | None,
        others_run: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            pool: its threads do the work.
            after_opening: does what there is to do once a call, or several, have opened.
            after_call: does what there is to do after a call's end, or several's; it is told whether others are
                running.
            others_run: returns that.
        """
        self._pool, self._others_run = pool, others_run
        self._after_opening, self._after_call = after_opening, after_call
        self._opened: asyncio.TimerHandle | None = None
        self._afterwards: asyncio.TimerHandle | None = None
        self._closed = False

    def call_began(self) -> None:
        """A call has begun: it still opens what it needs."""
        if self._after_opening is None:
            return
        if self._opened is not None:
            self._opened.cancel()
        self._opened = asyncio.get_running_loop().call_later(OPENED_S, self._do_opened, self._after_opening)

    def call_ended(self) -> None:
        """A call has ended, and nothing of it is left."""
        if self._after_call is not None and self._afterwards is None and not self._closed:
            self._afterwards = asyncio.get_running_loop().call_later(
                AFTERWARDS_S, self._do_afterwards, self._after_call
            )

    def close(self) -> None:
        """Begin nothing any more. Idempotent."""
        self._closed = True
        for waiting in (self._opened, self._afterwards):
            if waiting is not None:
                waiting.cancel()

    def _do_opened(self, work: Callable[[], None]) -> None:
        self._opened = None
        asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _do_afterwards(self, work: Callable[[bool], None]) -> None:
        self._afterwards = None
        asyncio.get_running_loop().run_in_executor(self._pool, work, self._others_run())

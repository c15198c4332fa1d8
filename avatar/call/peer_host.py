"""What a call does for its participant: messages sent, work done beside it, and the call ended where that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from avatar.stream.page_reports import REPORTS, Report
from avatar.stream.peer import Peer

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class PeerHost:
    """A `CallHost`. Used on the event loop only; nothing here blocks it."""

    def __init__(
        self, peer: Peer, blocking_pool: Executor, *, log_name: str, on_failure: Callable[[str | None], None]
    ) -> None:
        """Prepare.

        Args:
            peer: the connection.
            blocking_pool: its threads do what blocks.
            log_name: the call in the log.
            on_failure: is told that the call cannot go on, and why where that is for its user to read.
        """
        self._peer, self._pool, self._log_name, self._on_failure = peer, blocking_pool, log_name, on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, report: Report) -> None:
        """Send a message."""
        self._peer.send(REPORTS.write(report))

    def show_at_once(self, at_once: bool) -> None:
        """Have pictures shown as they come, or held back until their sound is played."""
        self._peer.show_at_once(at_once)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work until done, or until the call ends, which cancels it; an error ends the call."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def in_pool(self, work: Callable[[], _Result]) -> _Result:
        """Do what blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def fail(self, why: str) -> None:
        """End the call, with the reason in words."""
        self._on_failure(why)

    async def cancel(self) -> None:
        """End all work of `run`, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("call %s: %r", self._log_name, error, exc_info=error)
            self._on_failure(None)

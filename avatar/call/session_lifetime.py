"""The session of a call from its making to its stop, whatever happens in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from avatar.session.protocol import LiveSession, SessionEvent
from avatar.types import Picture

logger = logging.getLogger(__name__)

OpenSession = Callable[[Callable[[Picture], None], Callable[[SessionEvent], None]], LiveSession]
"""Makes the session of a call, not started yet, that tells these of pictures and events from its own threads. It may
block, and raises AvatarError."""
InPool: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Does what blocks."""


class SessionLifetime:
    """Makes, starts and stops one call's session. Used on the event loop only."""

    def __init__(
        self, in_pool: InPool, *, show: Callable[[Picture], None], on_event: Callable[[SessionEvent], None]
    ) -> None:
        """Prepare.

        Args:
            in_pool: does what blocks.
            show: is given each picture, in the session's own thread.
            on_event: is told of the session's events, on the event loop.
        """
        self._in_pool, self._show, self._on_event = in_pool, show, on_event
        self._loop = asyncio.get_running_loop()
        self._making: asyncio.Future[LiveSession] | None = None
        self._starting: asyncio.Task[None] | None = None

    async def make(self, open_session: OpenSession) -> LiveSession:
        """Return the session, not started yet. Raises AvatarError."""

        def make() -> LiveSession:
            return open_session(self._show, self._event_came)

        # Shielded: where the visitor goes away meanwhile, the session is still there to be stopped.
        self._making = asyncio.ensure_future(self._in_pool(make))
        return await asyncio.shield(self._making)

    def start(self, session: LiveSession, on_failure: Callable[[Exception], None]) -> None:
        """Start it in the background; `on_failure` is told what a stage raised while starting."""
        self._starting = asyncio.create_task(self._start(session, on_failure))

    async def started(self) -> None:
        """Wait until it has started, or has failed to."""
        if self._starting is not None:
            await self._starting

    async def stop(self) -> None:
        """Stop it, one that was still being made too."""
        if self._making is not None:
            await asyncio.wait([self._making])
            if not self._making.cancelled() and self._making.exception() is None:
                await self._in_pool(self._making.result().stop)
        self._making = self._starting = None

    async def _start(self, session: LiveSession, on_failure: Callable[[Exception], None]) -> None:
        try:
            await self._in_pool(session.start)
        except Exception as error:  # whatever a stage raises while starting, the user hears of it and the slot is freed
            on_failure(error)

    def _event_came(self, event: SessionEvent) -> None:
        try:
            self._loop.call_soon_threadsafe(self._on_event, event)
        except RuntimeError:  # the loop was closed under a session that is still stopping
            logger.debug("a session event came after the event loop was closed: %r", event)

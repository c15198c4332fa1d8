"""Whether a call's server is still there: asked by pings over the call, and by HTTP where nothing comes any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

PING_EVERY_S: Final = 0.5
LOST_S: Final = 5.0
"""A server that has not answered a ping for so long is gone."""
ASK_S: Final = 0.5
"""A server that has sent neither picture nor answer for so long is asked by HTTP whether the call goes on."""


class ServerLiveness:
    """Watches over one call. Used on one event loop."""

    def __init__(self, ping: Callable[[], None], is_gone: Callable[[], bool], lose: Callable[[str], None]) -> None:
        """Begin with a server that has just answered.

        Args:
            ping: sends a ping over the call.
            is_gone: asks by HTTP whether the call is over; called in a thread, blocks.
            lose: is told why the call is lost.
        """
        self._ping, self._is_gone, self._lose = ping, is_gone, lose
        self._pong_s = self._heard_s = time.monotonic()
        self._ping_s = 0.0
        self._asking: asyncio.Task[None] | None = None
        self.gone = False
        """Nobody is there who could be told that the call ends."""

    def heard(self) -> None:
        """Note that something has come."""
        self._heard_s = time.monotonic()

    def answered(self) -> None:
        """Note that the server has answered a ping."""
        self._pong_s = self._heard_s = time.monotonic()

    def check(self) -> None:
        """Ask what is to be asked now; to be called every `PING_EVERY_S` at least."""
        now_s = time.monotonic()
        if now_s - self._pong_s > LOST_S:
            self._lose("The server has gone: it answers no more.")
            return
        if now_s - self._ping_s >= PING_EVERY_S:
            self._ping_s = now_s
            self._ping()
        if now_s - self._heard_s > ASK_S and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())

    def close(self) -> None:
        """Ask nobody any more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        """A server process that died says no goodbye; the cluster it was in, or the one started anew, knows."""
        if await asyncio.to_thread(self._is_gone):
            self.gone = True
            self._lose("The server has gone, and the call with it.")
        else:
            await asyncio.sleep(PING_EVERY_S)

"""Everybody who is sent a call's broadcast: who watches by its link, and the others in its room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from avatar.call.watchers import Watchers
from avatar.config import LimitSettings, TransportSettings
from avatar.stream.broadcast import Broadcast

CONNECTIONS_OF_A_VIEW: Final = 2
"""By which one in a room may see another: a connection that was lost, and the one made anew."""


class Audience:
    """One call's audience. Used on the event loop only."""

    def __init__(
        self,
        broadcast: Broadcast,
        transport: TransportSettings,
        limits: LimitSettings,
        *,
        on_change: Callable[[], None],
    ) -> None:
        """Prepare; the arguments are those of `Watchers`."""
        self._broadcast, self._transport, self._limits, self._on_change = broadcast, transport, limits, on_change
        self.by_link: Final = Watchers(broadcast, transport, limits, on_change=on_change)
        """Who has the call's watch link."""
        self._views: set[Watchers] = set()

    def open_view(self) -> Watchers:
        """Return one more way to watch, for one other in the room; it ends with the call at the latest."""
        limits = replace(self._limits, watchers=CONNECTIONS_OF_A_VIEW)
        view = Watchers(self._broadcast, self._transport, limits, on_change=self._on_change)
        self._views = {one for one in self._views if not one.closed} | {view}
        return view

    @property
    def watching(self) -> bool:
        """Whether anybody is."""
        return any(map(len, self._all))

    async def on_second(self) -> None:
        """End the connections of those who have vanished or were never there."""
        for watchers in self._all:
            await watchers.on_second()

    async def close(self) -> None:
        """End all; no more can come."""
        await asyncio.gather(*(watchers.close() for watchers in self._all))
        self._broadcast.close()

    @property
    def _all(self) -> tuple[Watchers, ...]:
        return (self.by_link, *self._views)

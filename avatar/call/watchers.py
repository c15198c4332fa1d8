"""Who watches one call: each a connection of its own, all sent the same encoded pictures and sound."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from avatar.call.ice_session import Trickled, check_tags
from avatar.call.limits import CallTimes, why_end
from avatar.config import LimitSettings, TransportSettings
from avatar.errors import ServerFullError
from avatar.stream.broadcast import Broadcast
from avatar.stream.sdp.offer import read_offer
from avatar.stream.trickle import read_fragment
from avatar.stream.watch_peer import WatchPeer

logger = logging.getLogger(__name__)


class Watcher:
    """One who watches."""

    def __init__(self, peer: WatchPeer, now_s: float) -> None:
        self.id = secrets.token_urlsafe(16)
        """Unguessable; whoever holds it may end the watching."""
        self.ice_tag = secrets.token_hex(8)
        """Names its ICE session."""
        self.answer_sdp = ""
        self.peer = peer
        self.times = CallTimes(created_s=now_s, only_watched=True)
        self.packets = 0


class Watchers:
    """Everybody who watches one call. Used on the event loop only."""

    def __init__(
        self,
        broadcast: Broadcast,
        transport: TransportSettings,
        limits: LimitSettings,
        *,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            broadcast: what they are sent.
            transport: how they are reached, and how long one may be silent.
            limits: how many there may be. They stay as long as the call.
            on_change: is told when one has come or left.
            clock: seconds, as time.monotonic().
        """
        self._broadcast, self._transport = broadcast, transport
        self._most, self._limits = limits.watchers, replace(limits, idle_s=float("inf"), call_s=float("inf"))
        self._on_change, self._clock = on_change, clock
        self._watchers: dict[str, Watcher] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._watchers)

    def __contains__(self, watcher_id: str) -> bool:
        return watcher_id in self._watchers

    async def count(self) -> int:
        """Return how many there are."""
        return len(self._watchers)

    async def has(self, watcher_id: str) -> bool:
        """Return whether one of this id is there."""
        return watcher_id in self._watchers

    async def add(self, offer_sdp: str, *, matte: bool = False) -> Watcher:
        """Answer one more, who wants the pictures' matte beside them or not.

        Raises OfferError, and ServerFullError where there are too many, or no port is free.
        """
        offer = read_offer(offer_sdp, limit_bytes=self._limits.offer_bytes)
        if self._closed or len(self._watchers) >= self._most:
            raise ServerFullError(f"All {self._most} places to watch this call are taken. Try again in a moment.")
        watcher = Watcher(WatchPeer(self._transport, self._broadcast, matte=matte), self._clock())
        self._watchers[watcher.id] = watcher
        try:
            watcher.answer_sdp = await watcher.peer.answer(offer, lambda state: self._on_state(watcher, state))
        except BaseException:  # one who has gone away cancels this: nothing may stay
            self._end(watcher)
            raise
        self._on_change()
        return watcher

    async def trickle(self, watcher_id: str, fragment: str, tags: Collection[str] | None) -> Trickled | None:
        """Try more addresses of a watcher, or restart its ICE; None when there is none of that id.

        `tags` are those of the ICE session that it means, `*` any; None: it does not say. Raises TrickleError
        (bad_fragment, stale_tag, busy), and ServerFullError where no port is free.
        """
        watcher = self._watchers.get(watcher_id)
        if watcher is None:
            return None
        check_tags(watcher.ice_tag, tags)
        restart = await watcher.peer.trickle(read_fragment(fragment))
        if restart is not None:
            watcher.ice_tag = secrets.token_hex(8)
        return Trickled(watcher.ice_tag, restart)

    async def remove(self, watcher_id: str) -> bool:
        """End a watcher's connection; False when there is none of that id."""
        watcher = self._watchers.get(watcher_id)
        if watcher is None:
            return False
        await asyncio.shield(self._end(watcher))
        return True

    async def on_second(self) -> None:
        """End those that have vanished or were never there."""
        now_s = self._clock()
        for watcher in list(self._watchers.values()):
            packets = await watcher.peer.packets_received()
            if packets != watcher.packets:
                watcher.packets, watcher.times.last_packet_s = packets, now_s
            if (reason := why_end(watcher.times, now_s, self._transport, self._limits)) is not None:
                logger.info("a watcher's connection ended: %s", reason)
                self._end(watcher)

    @property
    def closed(self) -> bool:
        """Whether nobody can come any more."""
        return self._closed

    async def close(self) -> None:
        """End all; no more can come."""
        self._closed = True
        for watcher in list(self._watchers.values()):
            self._end(watcher)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _on_state(self, watcher: Watcher, state: str) -> None:
        if state == "connected" and watcher.times.connected_s is None:
            watcher.times.connected_s = self._clock()
        elif state == "failed" and watcher.times.connected_s is None:
            logger.warning("a watcher's connection could not be made: %s", watcher.peer.why_not_connected().detail)
            self._end(watcher)
        elif state in ("failed", "closed"):
            self._end(watcher)

    def _end(self, watcher: Watcher) -> asyncio.Task[None]:
        task = asyncio.create_task(watcher.peer.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if self._watchers.pop(watcher.id, None) is not None:
            self._on_change()
        return task

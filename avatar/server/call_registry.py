"""What the routes need of whatever runs the calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from avatar.call.ice_session import Trickled
from avatar.call.limits import EndReason
from avatar.call.modes import Mode
from avatar.call.rooms import RoomWish
from avatar.call.running import CallWatchers, RunningCall
from avatar.call.totals import CallsSnapshot
from avatar.types import Drive


class CallRegistry(Protocol):
    """Runs the calls. `avatar.call.registry.Calls` is the one in use."""

    async def create(
        self,
        offer_sdp: str,
        avatar_id: str | None,
        *,
        width: int | None,
        height: int | None,
        fps: int | None,
        mode: Mode,
        drive: Drive,
        watch: str | None,
        background: str | None,
        room: RoomWish | None,
        avatar_fixed: bool,
    ) -> RunningCall:
        """Set up a call. Raises AvatarError: bad_offer, bad_size, unknown_avatar, server_full and more."""

    async def watchers(self, watch_token: str) -> CallWatchers | None:
        """Return who watches the running call with this token, by its link or in its room; None where there is none."""

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (yet)."""

    def get(self, call_id: str) -> RunningCall | None:
        """Return a running call; None where there is none with this id."""

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> Trickled | None:
        """Try more addresses of a call's peer, or restart its ICE; None when there is none of that id.

        Raises TrickleError: bad_fragment, busy, and stale_tag where `tags` are given and none is the call's; and
        ServerFullError where no port is free.
        """

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call; False when there is none of that id."""

    def expect_another(self) -> None:
        """Prepare for a call that may come soon: somebody has opened the page. Never blocks."""

    async def close(self) -> None:
        """Say goodbye to every peer and end all calls."""

    def snapshot(self) -> CallsSnapshot:
        """Return how all the calls do now."""

"""Avatars, and what is behind them, in a worker: asked of the server, which knows them all, as the bytes of files.

They come over the link, never by way of a disk: what visitors upload is kept in memory only.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

from avatar.call.workers.from_worker import FindBackground, GetAvatar
from avatar.call.workers.link import Link
from avatar.call.workers.messages import Reply
from avatar.call.workers.to_worker import AvatarFile, BackgroundFile
from avatar.config import Background
from avatar.generator.identity import Identity
from avatar.generator.identity_file import identity_from_bytes

DECODED: Final = 4
"""Identities that are kept (tens of megabytes each), the ones that were asked for last."""
ANSWER_S: Final = 60.0
"""How long the server may take: it may have to make the avatar first."""


class RemoteAvatars:
    """Gets avatars, and keeps the latest few. Used on the event loop only."""

    def __init__(self, link: Link[Any, Any]) -> None:
        """Ask over `link`."""
        self._link = link
        self._decoded: OrderedDict[str, Identity] = OrderedDict()

    async def identity(self, avatar_id: str) -> Identity:
        """Return the identity to draw. Raises UnknownAvatarError, and what making it or reading its file raises."""
        known = self._decoded.get(avatar_id)
        reply, file = await self._link.ask(
            lambda number: GetAvatar(number, avatar_id, known=known is not None), Reply, timeout_s=ANSWER_S
        )
        if known is None or isinstance(reply, AvatarFile):
            known = await asyncio.to_thread(identity_from_bytes, file)
        self._decoded[avatar_id] = known
        self._decoded.move_to_end(avatar_id)
        while len(self._decoded) > DECODED:
            self._decoded.popitem(last=False)
        return known


class RemoteBackgrounds:
    """Gets uploaded backgrounds. Used on the event loop only."""

    def __init__(self, link: Link[Any, Any]) -> None:
        """Ask over `link`."""
        self._link = link

    async def get(self, background_id: str) -> Background:
        """Return an uploaded picture as a background. Raises AvatarError (unknown_background)."""
        _, file = await self._link.ask(
            lambda number: FindBackground(number, background_id), BackgroundFile, timeout_s=ANSWER_S
        )
        return Background("picture", data=file)

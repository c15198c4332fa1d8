"""What workers get from the server: avatars, and pictures behind them, as the bytes of files."""

from __future__ import annotations

from typing import Protocol

from avatar.call.backgrounds import GetBackground, no_uploads
from avatar.call.workers.from_worker import FindBackground, GetAvatar
from avatar.call.workers.to_worker import AvatarFile, AvatarUnchanged, BackgroundFile


class AvatarFiles(Protocol):
    """Where avatars come from. `avatar.identities.library.AvatarLibrary` is the one in use."""

    async def fetch(self, avatar_id: str) -> None:
        """Bring it into memory where only a store has it. Raises StoreError."""

    def info(self, avatar_id: str) -> object:
        """Return what is known of an avatar. Raises UnknownAvatarError."""

    async def file(self, avatar_id: str) -> bytes:
        """Return it as the bytes of an `.avatar` file. Raises AvatarError."""


class FileSupply:
    """Answers the requests of every worker. Used on the event loop only."""

    def __init__(self, avatars: AvatarFiles, get_background: GetBackground = no_uploads) -> None:
        """Take avatars and uploaded pictures from here."""
        self._avatars, self._get_background = avatars, get_background

    async def answer(
        self, request: GetAvatar | FindBackground
    ) -> tuple[AvatarFile | AvatarUnchanged | BackgroundFile, bytes]:
        """Return the answer to a request and the file that goes with it, b"" where none does. Raises AvatarError."""
        if isinstance(request, FindBackground):
            background = await self._get_background(request.background)
            return BackgroundFile(request.number), background.data or b""
        await self._avatars.fetch(request.avatar)
        self._avatars.info(request.avatar)
        if request.known:
            return AvatarUnchanged(request.number), b""
        return AvatarFile(request.number), await self._avatars.file(request.avatar)

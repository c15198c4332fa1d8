"""What a caller may have behind the avatar of a call: named in the offer or, later, in a message."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from avatar.call.participant import CallHost
from avatar.config import (
    LONG_SIDE_MAX,
    SHORT_SIDE_MAX,
    SIDES,
    SQUARE_MAX,
    Background,
    can_be_sent,
    read_background,
)
from avatar.errors import AvatarError, ControlError
from avatar.session.protocol import LiveSession
from avatar.stream.page_reports import BackgroundMessage, ErrorMessage

GetBackground: TypeAlias = Callable[[str], Awaitable[Background]]
"""Returns the uploaded picture with an id; raises AvatarError (unknown_background)."""
UPLOAD_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


async def no_uploads(background_id: str) -> Background:
    """Raise AvatarError: a `GetBackground` where nothing can be uploaded."""
    raise AvatarError(f"There is no background {background_id[:40]!r} (any more).", code="unknown_background")


async def call_background(text: str, get_uploaded: GetBackground) -> Background:
    """Return what a caller asks for behind the avatar: keep, blur, transparent, #RRGGBB, or an upload's id.

    Raises AvatarError: bad_background, as the server's files are not theirs; unknown_background.
    """
    if UPLOAD_ID.fullmatch(text):
        return await get_uploaded(text)
    try:
        background = read_background(text)
    except ValueError:
        background = None
    if background is None or background.kind == "picture":
        raise AvatarError(
            f"{text[:40]!r} cannot be behind the avatar of a call: keep, blur, transparent, a colour such as #2a6496 "
            "and pictures that were uploaded can.",
            code="bad_background",
        )
    return background


class BackgroundChanges:
    """Puts something else behind the avatar of one call, as its participant asks: one change after the other."""

    def __init__(self, session: LiveSession, host: CallHost, read: Callable[[str], Awaitable[Background]]) -> None:
        """`read` returns what a text asks for in this call, or raises AvatarError."""
        self._session, self._host, self._read = session, host, read
        self._changing = False

    def ask(self, text: str, reply_to: str | None) -> None:
        """Change it, and answer; what cannot be is answered too, and changes nothing."""
        self._host.run(self._change(text, reply_to))

    async def _change(self, text: str, reply_to: str | None) -> None:
        try:
            background = await self._read(text)
            if self._changing:
                raise ControlError("The background is being changed already. Wait until it has appeared.", code="busy")
            self._changing = True
            try:
                await self._host.in_pool(lambda: self._session.set_background(background))
            finally:
                self._changing = False
        except AvatarError as error:
            self._refuse(error, reply_to)
            return
        self._host.send(BackgroundMessage(background=text, reply_to=reply_to))

    def _refuse(self, error: AvatarError, reply_to: str | None) -> None:
        self._host.send(ErrorMessage(code=error.code, detail=str(error), reply_to=reply_to))


def check_size(size: tuple[int, int], background: Background) -> None:
    """Raise AvatarError (bad_size) where a call's picture of (width, height) pixels cannot be before this."""
    width, height = size
    if not can_be_sent(width, height):
        raise AvatarError(
            f"A picture of {width}x{height} cannot be sent: {SIDES}.",
            code="bad_size",
        )
    if background.kind == "transparent" and not can_be_sent(2 * width, height):
        raise AvatarError(
            f"A transparent picture of {width}x{height} cannot be sent: its matte lies beside it, and both together "
            f"have no room beyond {LONG_SIDE_MAX // 2}x{SHORT_SIDE_MAX}, {SHORT_SIDE_MAX // 2}x{LONG_SIDE_MAX} or "
            f"{SQUARE_MAX // 2}x{SQUARE_MAX}.",
            code="bad_size",
        )

"""Both sides of the line between a call and who takes part in it: a person at a page, or a program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import av

from avatar.stream.page_reports import Report
from avatar.stream.video_track import SentPicture
from avatar.types import Drive

_Result = TypeVar("_Result")


class CallHost(Protocol):
    """What a call does for its participant."""

    def send(self, report: Report) -> None:
        """Send a message over the data channel."""

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work until done, or until the call ends, which cancels it; an error ends the call."""
        ...

    async def in_pool(self, work: Callable[[], _Result]) -> _Result:
        """Do what blocks."""
        ...

    def show_at_once(self, at_once: bool) -> None:
        """Have pictures shown as they come, or held back until their sound is played."""

    def fail(self, why: str) -> None:
        """End the call, with the reason in words."""


class Participant(Protocol):
    """Who is at the other end: `BrowserPeer` or `BotPeer`. Used on the event loop only; nothing here blocks it."""

    @property
    def avatar_id(self) -> str | None:
        """Whom the call shows now."""
        ...

    @property
    def drive(self) -> Drive:
        """What moves the avatar now."""
        ...

    @property
    def speaks_by_messages(self) -> bool:
        """Whether what it has to say comes as messages: a call in which none comes is idle, though it is watched."""
        ...

    def on_channel_open(self) -> None:
        """The participant has been greeted: messages reach it from now on."""

    def on_message(self, message: str | bytes) -> None:
        """Take a message, of any length and content."""

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Take a frame of the participant's sound, which came at `arrival_s` (time.monotonic())."""

    def on_picture_sent(self, sent: SentPicture) -> None:
        """A picture has left."""

    def on_second(self) -> None:
        """A second is over: messages are counted anew."""

    async def close(self) -> None:
        """End what is under way. Idempotent."""

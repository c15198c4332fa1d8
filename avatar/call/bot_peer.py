"""The side of a call in which a program speaks: its messages checked and counted, its clock told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from avatar.errors import ControlError
from avatar.sdk.bot_protocol import Ping, read_asked
from avatar.sdk.bot_session import BotSession
from avatar.stream.browser_messages import Clock, ErrorMessage, Pong, Report
from avatar.stream.video_track import SentPicture
from avatar.timing.rtp_clock import video_ticks, wrapped

MESSAGES_PER_SECOND: Final = 50
MESSAGES_PER_BEAT: Final = 10
"""What a program may send in a second: so many messages, and so many for each of its pictures. A connection that was
held up brings several seconds' at once."""


class CallBot:
    """Used on the event loop only; nothing here blocks it. A program that breaks the rules ends its call."""

    def __init__(
        self,
        session: BotSession,
        *,
        limit_bytes: int,
        tell: Callable[[Report], None],
        give_up: Callable[[str], object],
        wire_timestamp: Callable[[int], int | None],
    ) -> None:
        """Join a program and its session.

        Args:
            session: draws.
            limit_bytes: of one message of text.
            tell: sends a message.
            give_up: ends the call, with the reason in words.
            wire_timestamp: as `Peer.wire_timestamp`.
        """
        self._session, self._limit_bytes = session, limit_bytes
        self._tell, self._give_up, self._wire_timestamp = tell, give_up, wire_timestamp
        self._clock_told = False
        self.new_second()

    def new_second(self) -> None:
        """Count messages anew."""
        self._left = MESSAGES_PER_SECOND + MESSAGES_PER_BEAT * self._session.fps

    def hear(self, message: str | bytes) -> None:
        """Take a message."""
        self._left -= 1
        try:
            if self._left < 0:
                raise ControlError("Too many messages in one second.", code="too_many_messages")
            asked = read_asked(message, limit_bytes=self._limit_bytes, fps=self._session.fps)
            if isinstance(asked, Ping):
                self._tell(Pong())
            else:
                self._session.take(asked)
        except ControlError as error:
            self._tell(ErrorMessage(code=error.code, detail=str(error)))
            self._give_up(str(error))

    def picture_sent(self, sent: SentPicture) -> None:
        """Tell the program, once and as soon as it is known, by which timestamps it knows its pictures."""
        wire = None if self._clock_told else self._wire_timestamp(sent.pts)
        if wire is not None:
            self._clock_told = True
            self._tell(Clock(rtp=wrapped(wire - video_ticks(sent.picture.time_s))))

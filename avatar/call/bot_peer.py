"""The side of a call in which a program speaks: its messages checked and counted, its clock told."""

from __future__ import annotations

from typing import Final

import av

from avatar.call.backgrounds import BackgroundChanges
from avatar.call.limits import MESSAGES_PER_SECOND
from avatar.call.participant import CallHost
from avatar.errors import ControlError
from avatar.sdk.bot_protocol import BACKGROUND_REPLY, Ping, SetBackground, read_bot_message
from avatar.sdk.bot_session import BotSession
from avatar.stream.page_reports import Clock, ErrorMessage, Pong
from avatar.stream.video_track import SentPicture
from avatar.timing.rtp_clock import video_ticks, wrapped
from avatar.types import Drive

MESSAGES_PER_PICTURE: Final = 10
"""What a program may send in a second for each of its pictures, beside `MESSAGES_PER_SECOND`. A connection that was
held up brings several seconds' at once."""


class BotPeer:
    """A `Participant`. A program that breaks the rules ends its call."""

    speaks_by_messages = True

    def __init__(
        self,
        session: BotSession,
        host: CallHost,
        *,
        avatar_id: str | None,
        drive: Drive,
        limit_bytes: int,
        backgrounds: BackgroundChanges,
    ) -> None:
        """Join a program and its session.

        Args:
            session: draws.
            host: the call.
            avatar_id: whom it draws.
            drive: as the call was request for; the program's voice moves the avatar all the same.
            limit_bytes: of one message of text.
            backgrounds: puts something else behind the avatar.
        """
        self.avatar_id, self.drive = avatar_id, drive
        self._session, self._host, self._limit_bytes = session, host, limit_bytes
        self._backgrounds = backgrounds
        self._clock_sent = False
        self.on_second()

    def on_channel_open(self) -> None:
        """Do nothing: a program begins by itself."""

    def on_message(self, message: str | bytes) -> None:
        """Do what a message asks for, in its turn; a bad one is answered and ends the call."""
        self._left -= 1
        try:
            if self._left < 0:
                raise ControlError("Too many messages in one second.", code="too_many_messages")
            request = read_bot_message(message, limit_bytes=self._limit_bytes, fps=self._session.fps)
            if isinstance(request, Ping):
                self._host.send(Pong())
            elif isinstance(request, SetBackground):
                self._backgrounds.ask(request.background, BACKGROUND_REPLY)
            else:
                self._session.take(request)
        except ControlError as error:
            self._host.send(ErrorMessage(code=error.code, detail=str(error)))
            self._host.fail(str(error))

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Do nothing: a program's voice comes in its messages."""

    def on_picture_sent(self, sent: SentPicture) -> None:
        """Tell the program, once and as soon as it is known, by which timestamps it knows its pictures."""
        if sent.rtp_time is not None and not self._clock_sent:
            self._clock_sent = True
            self._host.send(Clock(rtp=wrapped(sent.rtp_time - video_ticks(sent.picture.time_s))))

    def on_second(self) -> None:
        """Count messages anew."""
        self._left = MESSAGES_PER_SECOND + MESSAGES_PER_PICTURE * self._session.fps

    async def close(self) -> None:
        """Do nothing."""

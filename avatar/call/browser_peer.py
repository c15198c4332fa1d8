"""The side of a call in which a person sits before a page: its messages checked, counted, and done as they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import av

from avatar.call.backgrounds import BackgroundChanges
from avatar.call.conversation_bridge import ConversationBridge, SendAudio
from avatar.call.limits import MESSAGES_PER_SECOND
from avatar.call.participant import CallHost
from avatar.conversation.services import ConversationServices, ServiceFactory
from avatar.errors import AvatarError, ControlError
from avatar.generator.identity import Identity
from avatar.motion.cues import NEUTRAL, understand
from avatar.session.protocol import LiveSession
from avatar.stream.page_reports import TRACE_PAIRS, AvatarMessage, DriveMessage, ErrorMessage, Pong, TraceMessage
from avatar.stream.page_requests import (
    REQUESTS,
    Calibrate,
    Devices,
    GiveCue,
    Ping,
    Request,
    SetAvatar,
    SetBackground,
    SetDrive,
    Sound,
    Trace,
)
from avatar.stream.video_track import SentPicture
from avatar.types import Drive

FLOOD: Final = 10 * MESSAGES_PER_SECOND
"""So many messages in a second end the call: merely taking them in would cost others their pictures. A page whose
connection was held up for a minute brings less. Those beyond `MESSAGES_PER_SECOND` are not answered."""
USUAL_BYTES: Final = 1024
"""A longer message counts as so many of this length."""

GetAvatar = Callable[[str], Awaitable[Identity]]


class BrowserPeer:
    """A `Participant`. A message that cannot be followed is answered and changes nothing."""

    speaks_by_messages = False

    def __init__(
        self,
        session: LiveSession,
        host: CallHost,
        *,
        avatar_id: str | None,
        drive: Drive,
        limit_bytes: int,
        get_avatar: GetAvatar,
        backgrounds: BackgroundChanges,
        service_factory: ServiceFactory,
        send_audio: SendAudio,
        on_devices: Callable[[Devices], None] = lambda _: None,
    ) -> None:
        """Join a page and its session.

        Args:
            session: draws.
            host: the call.
            avatar_id: whom it draws.
            drive: what moves the avatar to begin with.
            limit_bytes: of one message.
            get_avatar: returns the identity of an id, or raises AvatarError.
            backgrounds: puts something else behind the avatar.
            service_factory: opens the services of a conversation, or raises AvatarError; blocks.
            send_audio: lets sound move the mouth and leave with its picture.
            on_devices: is told whether microphone and camera are on.
        """
        self.avatar_id = avatar_id
        self.drive: Drive = drive
        """What moves the avatar now."""
        self._session = session
        self._host = host
        self._limit_bytes = limit_bytes
        self._get_avatar, self._backgrounds = get_avatar, backgrounds
        self._service_factory = service_factory
        self._send_audio, self._on_devices = send_audio, on_devices
        self._counted = 0
        """Messages of this second; a long one counts for several."""
        self._trace: list[tuple[int, int]] | None = None
        self._swapping = False
        self._joining: asyncio.Task[None] | None = None
        self._services_opening: asyncio.Future[ConversationServices] | None = None
        self._conversation: ConversationBridge | None = None

    def on_channel_open(self) -> None:
        """Begin a conversation that the call was asked for: now the page can be told whether that works."""
        if self.drive == "conversation":
            self._set_drive("conversation", None)

    def on_message(self, message: str | bytes) -> None:
        """Do what a message asks for; a bad one is answered too, and changes nothing. A flood ends the call."""
        before = self._counted
        self._counted += 1 + len(message) // USUAL_BYTES
        if self._counted >= FLOOD:
            self._host.fail(f"The page sent more than {FLOOD} messages in one second.")
            return
        if self._counted >= MESSAGES_PER_SECOND:
            if before < MESSAGES_PER_SECOND:
                self._host.send(ErrorMessage(code="too_many_messages", detail="Too many messages in one second."))
            return
        try:
            request = REQUESTS.read(message, limit_bytes=self._limit_bytes)
        except ControlError as error:
            self._host.send(ErrorMessage(code=error.code, detail=str(error)))
            return
        try:
            self._handle(request)
        except AvatarError as error:
            self._refuse(error, request.id)

    def on_audio(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Take a frame of the user's sound: a conversation listens to it, else it moves the mouth and goes back."""
        if self._conversation is not None:
            self._conversation.on_audio(frame, arrival_s)
        elif self.drive != "conversation":
            self._send_audio(frame, arrival_s)

    def on_picture_sent(self, sent: SentPicture) -> None:
        """Note which camera picture a picture answers, where the page wants to know."""
        capture = sent.picture.capture
        if self._trace is not None and capture is not None and sent.rtp_time is not None:
            self._trace.append((capture.rtp_time, sent.rtp_time))
            if len(self._trace) >= TRACE_PAIRS // 2:
                self._send_trace()

    def on_second(self) -> None:
        """Count messages anew, and send what was noted."""
        self._counted = 0
        self._send_trace()

    async def close(self) -> None:
        """End a conversation. Idempotent."""
        if self._conversation is not None:
            await self._conversation.close()

    def _handle(self, request: Request) -> None:
        if isinstance(request, Ping):
            self._host.send(Pong(t=request.t, reply_to=request.id))
        elif isinstance(request, Calibrate):
            self._session.calibrate()
        elif isinstance(request, SetDrive):
            self._set_drive(request.drive, request.id)
        elif isinstance(request, GiveCue):
            for cue in understand(request.text) if request.text.strip() else NEUTRAL:
                self._session.direct(cue)
        elif isinstance(request, Trace):
            self._trace = [] if request.enabled else None
        elif isinstance(request, Sound):
            self._host.show_at_once(not request.played)
        elif isinstance(request, Devices):
            self._on_devices(request)
        elif isinstance(request, SetBackground):
            self._backgrounds.ask(request.background, request.id)
        elif self._swapping:
            raise ControlError("The avatar is being changed already. Wait until it has appeared.", code="busy")
        else:
            self._swapping = True
            self._host.run(self._swap(request))

    def _set_drive(self, drive: Drive, reply_to: str | None) -> None:
        if drive == "conversation":
            if self._joining is not None and not self._joining.done():
                raise ControlError("The avatar is getting ready to talk already.", code="busy")
            self._joining = self._host.run(self._converse(reply_to))
            return
        if self._joining is not None:
            self._joining.cancel()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            self._host.run(conversation.close())
        self._drive_by(drive, reply_to)

    def _drive_by(self, drive: Drive, reply_to: str | None) -> None:
        self._session.set_drive(drive)
        self.drive = drive
        self._host.send(DriveMessage(drive=drive, reply_to=reply_to))

    async def _converse(self, reply_to: str | None) -> None:
        """Let the avatar talk by itself; where it cannot, say why and leave what moves it as it is."""
        if self._conversation is None:
            try:
                services = await self._services()
            except AvatarError as error:
                self._refuse(error, reply_to)
                if self.drive == "conversation":  # asked for as the call began: the voice that is heard moves it
                    self._drive_by("voice", None)
                return
            self._conversation = ConversationBridge(
                services, send_audio=self._send_audio, send=self._host.send, set_presence=self._session.set_presence
            )
        self._drive_by("conversation", reply_to)

    async def _services(self) -> ConversationServices:
        """Return the services of a conversation.

        One set is opened at a time, or a page that cannot decide would fill the pool: who comes back while a set is
        being opened gets that one.
        """
        if self._services_opening is None:
            self._services_opening = asyncio.ensure_future(self._host.in_pool(self._service_factory))
            self._services_opening.add_done_callback(_note_failure)
        try:
            return await asyncio.shield(self._services_opening)
        finally:
            if self._services_opening.done():
                self._services_opening = None

    async def _swap(self, request: SetAvatar) -> None:
        try:
            identity = await self._get_avatar(request.avatar)
            await self._host.in_pool(lambda: self._session.set_identity(identity))
        except AvatarError as error:
            self._refuse(error, request.id)
            return
        finally:
            self._swapping = False
        self.avatar_id = request.avatar
        self._host.send(AvatarMessage(avatar=request.avatar))

    def _refuse(self, error: AvatarError, reply_to: str | None) -> None:
        self._host.send(ErrorMessage(code=error.code, detail=str(error), reply_to=reply_to))

    def _send_trace(self) -> None:
        if self._trace:
            self._host.send(TraceMessage(frames=self._trace))
            self._trace = []


def _note_failure(making: asyncio.Future[ConversationServices]) -> None:
    """Take note of how it ended: where the page has changed its mind, nobody else asks."""
    if not making.cancelled():
        making.exception()

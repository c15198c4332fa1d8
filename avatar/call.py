"""One call: a peer and a session joined, its messages answered, its figures told once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, Literal, TypeVar, cast

import av

from avatar.bot_session import BotSession
from avatar.call_bot import CallBot
from avatar.call_conversation import CallConversation
from avatar.call_limits import REASONS, CallTimes, EndReason, why_end
from avatar.config import PictureSettings, ServerSettings
from avatar.conversation.parts import MakeParts
from avatar.errors import AvatarError, ControlError
from avatar.generator.identity import Identity
from avatar.live_session import (
    Calibrated,
    FaceFound,
    FaceLost,
    LiveSession,
    MakeSession,
    SessionEvent,
    SessionFailed,
    SessionStats,
)
from avatar.perception.speech.echo import EchoCanceller
from avatar.stream.call_meter import CallMeter
from avatar.stream.control import (
    TRACE_PAIRS,
    AvatarMessage,
    Bye,
    Calibrate,
    CalibratedMessage,
    DriveMessage,
    ErrorMessage,
    FaceMessage,
    Hello,
    Ping,
    Pong,
    Report,
    Request,
    SetAvatar,
    SetDrive,
    Stats,
    Trace,
    TraceMessage,
    read_request,
    write_report,
)
from avatar.stream.offer import Offer
from avatar.stream.peer import Peer
from avatar.stream.video_track import SentPicture
from avatar.types import Drive

logger = logging.getLogger(__name__)

TICK_S: Final = 1.0
MESSAGES_PER_TICK: Final = 50
"""Messages a page may send between two ticks; more are not answered, or answering would be an echo chamber."""
OPUS_LOOKAHEAD_S: Final = 0.013
"""Sound held back by an Opus encoder at the far end and one here: 6.5 ms each (libopus, default mode)."""
BYE_TIME_S: Final = 0.3
"""How long the last message may take to leave."""

GetAvatar = Callable[[str], Awaitable[Identity]]
_Result = TypeVar("_Result")


class Call:
    """A call from its offer to its end. Used on the event loop only; nothing here blocks it."""

    def __init__(
        self,
        call_id: str,
        avatar_id: str | None,
        picture: PictureSettings,
        settings: ServerSettings,
        *,
        drive: Drive = "camera",
        get_avatar: GetAvatar,
        make_parts: MakeParts,
        encode_pool: Executor,
        blocking_pool: Executor,
        on_end: Callable[[Call], None],
    ) -> None:
        self.id = call_id
        self.avatar_id = avatar_id
        self.drive: Drive = drive
        """What moves the avatar now."""
        self.answer_sdp = ""
        self.latest: Stats | None = None
        """The figures told last."""
        self.reason: EndReason | None = None
        """Why the call is over; None while it goes on."""
        self.pictures_sent = self.camera_frames = self.bytes_sent = 0
        self._picture = picture
        self._settings = settings
        self._get_avatar = get_avatar
        self._make_parts = make_parts
        self._pool = blocking_pool
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        now_s = time.monotonic()
        self._times = CallTimes(created_s=now_s)
        self._meter = CallMeter(now_s)
        self._echo = EchoCanceller() if settings.transport.echo_cancel else None
        self._peer = Peer(settings.transport, self, fps=picture.fps, encode_pool=encode_pool)
        self._session: LiveSession | None = None
        self._size = (picture.width, picture.height)
        self._packets = 0
        self._camera_skipped = 0
        self._sound_age_s = 0.0
        self._messages_left = MESSAGES_PER_TICK
        self._trace: list[tuple[int, int]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._swapping = False
        self._conversation: CallConversation | None = None
        self._bot: CallBot | None = None
        self._joining: asyncio.Task[None] | None = None
        self._making: asyncio.Future[LiveSession] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def open(self, offer: Offer, identity: Identity | None, make_session: MakeSession) -> None:
        """Make the session and the answer. Raises AvatarError; the caller then ends the call."""

        def make() -> LiveSession:
            return make_session(
                identity,
                self._picture,
                drive=self.drive,
                on_picture=self._peer.show,
                on_event=self._on_session_event,
            )

        # Shielded: where the visitor goes away meanwhile, the session is still there to be stopped.
        self._making = asyncio.ensure_future(self._in_pool(make))
        self._session = await asyncio.shield(self._making)
        if isinstance(self._session, BotSession):
            self._bot = CallBot(
                self._session,
                limit_bytes=self._settings.limits.control_bytes,
                tell=self._tell,
                give_up=lambda why: self.end("failed", why),
                wire_timestamp=self._peer.wire_timestamp,
            )
        self.answer_sdp = await self._peer.answer(offer)
        self._starting = asyncio.create_task(self._start())
        self._run(self._tick())

    def end(self, reason: EndReason, detail: str | None = None) -> asyncio.Task[None]:
        """End the call, once; the task returned is done when nothing of it is left."""
        if self._ending is None:
            self.reason = reason
            self._ending = asyncio.create_task(self._end(reason, detail or REASONS[reason]))
        return self._ending

    # What the peer tells (PeerListener)

    def on_state(self, state: str) -> None:
        """Follow the connection's state."""
        if state == "connected" and self._times.connected_s is None:
            self._times.connected_s = time.monotonic()
        elif state == "failed":
            self.end("connection_lost" if self._times.connected_s is not None else "never_connected")
        elif state == "closed":
            self.end("left")

    def on_camera(self, frame: av.VideoFrame, arrival_s: float, skipped: int) -> None:
        """Give a camera picture to the session."""
        self._times.last_media_s = time.monotonic()
        self.camera_frames += 1
        self._camera_skipped += skipped
        if self._session is not None:
            self._session.push_camera(frame, arrival_s)

    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Give a piece of sound to the session, and send it with the picture of its moment."""
        self._times.last_media_s = time.monotonic()
        heard = frame if self._echo is None else self._echo.clean(frame)
        if heard is None:
            return
        if self._conversation is not None:
            self._conversation.hear(heard, arrival_s)
        elif self.drive != "conversation":
            self._sound(heard, arrival_s)

    def _sound(self, frame: av.AudioFrame, arrival_s: float) -> float:
        """Let sound move the mouth and leave with its picture; return how many seconds later that is."""
        if self._session is None:
            return 0.0
        self._session.push_audio(frame, arrival_s)
        # The session's delay ends with the finished picture, which still has to be encoded. The sound in a block is
        # older than a picture that arrives with it: by the block's length, and by what Opus holds back.
        self._sound_age_s = frame.samples / frame.sample_rate + OPUS_LOOKAHEAD_S
        delay_s = self._session.audio_delay_s + self._meter.encode_s - self._sound_age_s
        self._peer.sound(frame, arrival_s, delay_s)
        return max(delay_s, 0.0)

    def on_picture_sent(self, sent: SentPicture) -> None:
        """Count a picture."""
        self.pictures_sent += 1
        self.bytes_sent += sent.size_bytes
        self._size = sent.picture.size
        arrival_s = self._peer.camera_arrival_s(sent.picture.camera_pts)
        self._meter.picture_sent(sent.size_bytes, sent.encode_s, None if arrival_s is None else sent.sent_s - arrival_s)
        if self._trace is not None and (pair := self._peer.trace_pair(sent)) is not None:
            self._trace.append(pair)
            if len(self._trace) >= TRACE_PAIRS // 2:
                self._tell_trace()
        if self._bot is not None:
            self._bot.picture_sent(sent)

    def on_sound_sent(self, frame: av.AudioFrame, delay_s: float) -> None:
        """Count a piece of sound."""
        if self._echo is not None:
            self._echo.played(frame)
        self._meter.sound_sent(delay_s + self._sound_age_s)

    def on_channel_open(self) -> None:
        """Greet the page."""
        picture = self._picture
        self._tell(
            Hello(
                session=self.id,
                avatar=self.avatar_id,
                drive=self.drive,
                width=picture.width,
                height=picture.height,
                fps=picture.fps,
            )
        )
        if self.drive == "conversation" and self._session is not None:
            self._set_drive(self._session, "conversation", None)  # now that it can be told whether that works

    def on_message(self, message: str | bytes) -> None:
        """Answer a message; a bad one is answered too, and changes nothing."""
        if self._bot is not None:
            if self._ending is None:
                self._times.last_media_s = time.monotonic()
                self._bot.hear(message)
            return
        self._messages_left -= 1
        if self._messages_left <= 0 or self._ending is not None:
            if self._messages_left == 0:
                self._tell(ErrorMessage(code="too_many_messages", detail="Too many messages in one second."))
            return
        try:
            request = read_request(message, limit_bytes=self._settings.limits.control_bytes)
        except ControlError as error:
            self._tell(ErrorMessage(code=error.code, detail=str(error)))
            return
        try:
            self._act(request)
        except AvatarError as error:
            self._tell(ErrorMessage(code=error.code, detail=str(error), reply_to=request.id))

    def on_failure(self, reason: str) -> None:
        """End a call that can show nothing any more."""
        self.end("failed", reason)

    # What the page asks for

    def _act(self, request: Request) -> None:
        session = self._session
        if session is None:
            raise ControlError("The avatar is not ready yet.", code="not_ready")
        if isinstance(request, Ping):
            self._tell(Pong(t=request.t, reply_to=request.id))
        elif isinstance(request, Calibrate):
            session.calibrate()
        elif isinstance(request, SetDrive):
            self._set_drive(session, request.drive, request.id)
        elif isinstance(request, Trace):
            self._trace = [] if request.enabled else None
        elif self._swapping:
            raise ControlError("The avatar is being changed already. Wait until it has appeared.", code="busy")
        else:
            self._swapping = True
            self._run(self._swap(session, request))

    def _set_drive(self, session: LiveSession, drive: Drive, reply_to: str | None) -> None:
        if drive == "conversation":
            if self._joining is not None and not self._joining.done():
                raise ControlError("The avatar is getting ready to talk already.", code="busy")
            self._joining = self._run(self._converse(session, reply_to))
            return
        if self._joining is not None:
            self._joining.cancel()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            self._run(conversation.close())
        self._drive_by(session, drive, reply_to)

    def _drive_by(self, session: LiveSession, drive: Drive, reply_to: str | None) -> None:
        session.set_drive(drive)
        self.drive = drive
        self._tell(DriveMessage(drive=drive, reply_to=reply_to))

    async def _converse(self, session: LiveSession, reply_to: str | None) -> None:
        """Let the avatar talk by itself; where it cannot, say why and leave what moves it as it is."""
        if self._conversation is None:
            try:
                parts = await self._in_pool(self._make_parts)
            except AvatarError as error:
                self._tell(ErrorMessage(code=error.code, detail=str(error), reply_to=reply_to))
                if self.drive == "conversation":  # asked for as the call began: the voice that is heard moves it
                    self._drive_by(session, "voice", None)
                return
            self._conversation = CallConversation(parts, send=self._sound, tell=self._tell, attend=session.set_presence)
        self._drive_by(session, "conversation", reply_to)

    async def _swap(self, session: LiveSession, request: SetAvatar) -> None:
        try:
            identity = await self._get_avatar(request.avatar)
            await self._in_pool(lambda: session.set_identity(identity))
        except AvatarError as error:
            self._tell(ErrorMessage(code=error.code, detail=str(error), reply_to=request.id))
            return
        finally:
            self._swapping = False
        self.avatar_id = request.avatar
        self._tell(AvatarMessage(avatar=request.avatar))

    # What the session tells, from its own threads

    def _on_session_event(self, event: SessionEvent) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hear, event)
        except RuntimeError:  # the loop was closed under a session that is still stopping
            logger.debug("a session event came after the event loop was closed: %r", event)

    def _hear(self, event: SessionEvent) -> None:
        if isinstance(event, FaceFound):
            self._tell(FaceMessage(state="tracked"))
        elif isinstance(event, FaceLost):
            self._tell(FaceMessage(state="lost"))
        elif isinstance(event, Calibrated):
            self._tell(CalibratedMessage())
        elif isinstance(event, SessionFailed):
            logger.error("call %s: the session has failed: %s", self.id, event.message)
            self.end("failed", event.message)

    # Once a second

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            peer = await self._peer.stats()
            if peer.packets_received != self._packets:
                self._packets, self._times.last_packet_s = peer.packets_received, now_s
            self._messages_left = MESSAGES_PER_TICK
            if self._bot is not None:
                self._bot.new_second()
            if self._session is not None:
                self._tell_stats(self._session.stats(), peer.dropped, now_s)
            self._tell_trace()
            reason = why_end(self._times, now_s, self._settings.transport, self._settings.limits)
            if reason is not None:
                self.end(reason)
                return

    def _tell_stats(self, session: SessionStats, peer_dropped: int, now_s: float) -> None:
        second = self._meter.read(now_s)
        stage_ms = dict(session.stage_ms)
        if second.encode_ms is not None:
            stage_ms["encode"] = second.encode_ms
        self.latest = Stats(
            fps=second.fps,
            camera_fps=session.camera_fps,
            latency_ms=second.latency_ms,
            stage_ms=stage_ms,
            bitrate_bps=second.bitrate_bps,
            width=self._size[0],
            height=self._size[1],
            dropped=session.dropped + peer_dropped + self._camera_skipped,
            face=cast(Literal["none", "tracked", "held", "lost"], session.face),
            av_offset_ms=second.av_offset_ms,
        )
        self._tell(self.latest)

    def _tell_trace(self) -> None:
        if self._trace:
            self._tell(TraceMessage(frames=self._trace))
            self._trace = []

    def _tell(self, report: Report) -> None:
        self._peer.send(write_report(report))

    # Beginning and end

    async def _start(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            await self._in_pool(session.start)
        except Exception as error:  # whatever a stage raises while starting, the user hears of it and the slot is freed
            logger.exception("call %s: the session did not start", self.id)
            self.end("failed", str(error) if isinstance(error, AvatarError) else None)

    async def _end(self, reason: EndReason, detail: str) -> None:
        try:
            self._tell(Bye(reason=reason, detail=detail))
            await self._peer.flush(BYE_TIME_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._conversation is not None:
                await self._conversation.close()
            await self._peer.close()
            if self._starting is not None:
                await self._starting
        finally:
            if self._making is not None:
                await asyncio.wait([self._making])
                if not self._making.cancelled() and self._making.exception() is None:
                    await self._in_pool(self._making.result().stop)
            self._on_end(self)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("call %s: %r", self.id, error, exc_info=error)
            self.end("failed")

    async def _in_pool(self, work: Callable[[], _Result]) -> _Result:
        return await self._loop.run_in_executor(self._pool, work)

"""One call: a peer and a session joined, from its offer to its end, its figures told once a second."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, Final, Literal, TypeVar, cast

import av

from avatar.call.bot_peer import CallBot
from avatar.call.browser_peer import CallPage, GetAvatar
from avatar.call.limits import REASONS, CallTimes, EndReason, why_end
from avatar.call.meter import CallMeter
from avatar.config import PictureSettings, ServerSettings
from avatar.conversation.services import ServiceFactory
from avatar.errors import AvatarError
from avatar.generator.identity import Identity
from avatar.perception.speech.echo import EchoCanceller
from avatar.sdk.bot_session import BotSession
from avatar.session.protocol import (
    Calibrated,
    FaceFound,
    FaceLost,
    LiveSession,
    MakeSession,
    SessionEvent,
    SessionFailed,
    SessionStats,
)
from avatar.stream.browser_messages import (
    REPORTS,
    Bye,
    CalibratedMessage,
    ErrorMessage,
    FaceMessage,
    Hello,
    Report,
    Stats,
)
from avatar.stream.offer import Offer
from avatar.stream.packet_guard import DropReason
from avatar.stream.peer import Peer
from avatar.stream.trickle import Fragment
from avatar.stream.video_track import SentPicture
from avatar.types import Drive

logger = logging.getLogger(__name__)

TICK_S: Final = 1.0
OPUS_LOOKAHEAD_S: Final = 0.013
"""Sound held back by an Opus encoder at the far end and one here: 6.5 ms each (libopus, default mode)."""
BYE_TIME_S: Final = 0.3
"""How long the last message may take to leave."""

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
        service_factory: ServiceFactory,
        encode_pool: Executor,
        blocking_pool: Executor,
        on_end: Callable[[Call], None],
    ) -> None:
        self.id = call_id
        self.answer_sdp = ""
        self.ice_tag = secrets.token_hex(8)
        """Names the ICE session, which lasts as long as the call (RFC 9725, 4.3.1)."""
        self.latest: Stats | None = None
        """The figures told last."""
        self.reason: EndReason | None = None
        """Why the call is over; None while it goes on."""
        self.pictures_sent = self.camera_frames = self.bytes_sent = 0
        self._avatar_id = avatar_id
        self._drive: Drive = drive
        self._picture = picture
        self._settings = settings
        self._get_avatar = get_avatar
        self._service_factory = service_factory
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
        self._told_too_large: tuple[int, int] | None = None
        self._sound_age_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._page: CallPage | None = None
        self._bot: CallBot | None = None
        self._making: asyncio.Future[LiveSession] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def log_name(self) -> str:
        """The call in the log: its id's beginning, since whoever knows all of it may end the call."""
        return f"{self.id[:6]}..."

    @property
    def avatar_id(self) -> str | None:
        """Whom the call shows now."""
        return self._avatar_id if self._page is None else self._page.avatar_id

    @property
    def packets_dropped(self) -> Mapping[DropReason, int]:
        """Packets that were kept from the call, by reason."""
        return self._peer.packets_dropped()

    @property
    def drive(self) -> Drive:
        """What moves the avatar now."""
        return self._drive if self._page is None else self._page.drive

    async def open(self, offer: Offer, identity: Identity | None, make_session: MakeSession) -> None:
        """Make the session and the answer. Raises AvatarError; the caller then ends the call."""

        def make() -> LiveSession:
            return make_session(
                identity,
                self._picture,
                drive=self._drive,
                on_picture=self._peer.show,
                on_event=self._on_session_event,
            )

        # Shielded: where the visitor goes away meanwhile, the session is still there to be stopped.
        self._making = asyncio.ensure_future(self.in_pool(make))
        self._session = await asyncio.shield(self._making)
        if isinstance(self._session, BotSession):
            self._bot = CallBot(
                self._session,
                limit_bytes=self._settings.limits.control_bytes,
                tell=self.tell,
                give_up=self.give_up,
                wire_timestamp=self._peer.wire_timestamp,
            )
        else:
            self._page = CallPage(
                self._session,
                self,
                avatar_id=self._avatar_id,
                drive=self._drive,
                limit_bytes=self._settings.limits.control_bytes,
                get_avatar=self._get_avatar,
                service_factory=self._service_factory,
                send_sound=self._sound,
            )
        self.answer_sdp = await self._peer.answer(offer)
        self._session.set_watched(self._peer.shows)
        # A program that connects to watch has to say something now and then: it holds a place for its own voice.
        self._times.only_watched = self._peer.only_watched and self._bot is None
        self._starting = asyncio.create_task(self._start())
        self.run(self._tick())

    def end(self, reason: EndReason, detail: str | None = None) -> asyncio.Task[None]:
        """End the call, once; the task returned is done when nothing of it is left."""
        if self._ending is None:
            self.reason = reason
            self._ending = asyncio.create_task(self._end(reason, detail or REASONS[reason]))
        return self._ending

    async def trickle(self, fragment: Fragment) -> None:
        """Try more addresses of the peer. Raises TrickleError."""
        await self._peer.trickle(fragment)

    # What the peer tells (PeerListener)

    def on_state(self, state: str) -> None:
        """Follow the connection's state."""
        if state == "connected" and self._times.connected_s is None:
            self._times.connected_s = time.monotonic()
        elif state == "failed":
            self._loop.call_soon(self._connection_failed)  # aiortc tells before all that led to it is known
        elif state == "closed":
            # aiortc closes a connection that can no longer be read from just as one that the peer has closed.
            self.end("left" if self._peer.said_goodbye else "connection_lost")

    def _connection_failed(self) -> None:
        if self._times.connected_s is not None:
            self.end("connection_lost")
        else:
            self._end_unmade()

    def _end_unmade(self) -> None:
        failure = self._peer.why_not_connected()
        if self._ending is None:
            logger.warning("call %s could not be made (%s): %s", self.log_name, failure.reason, failure.detail)
        self.end(failure.reason, failure.detail)

    def on_camera(self, frame: av.VideoFrame, arrival_s: float, skipped: int) -> None:
        """Give a camera picture to the session."""
        self._times.last_media_s = time.monotonic()
        self.camera_frames += 1
        self._camera_skipped += skipped
        if self._session is not None:
            self._session.push_camera(frame, arrival_s)

    def on_microphone(self, frame: av.AudioFrame, arrival_s: float) -> None:
        """Give a piece of the user's sound to the page's side."""
        self._times.last_media_s = time.monotonic()
        heard = frame if self._echo is None else self._echo.clean(frame)
        if heard is not None and self._page is not None:
            self._page.hear_sound(heard, arrival_s)

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
        if self._page is not None:
            self._page.picture_sent(lambda: self._peer.trace_pair(sent))
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
        self.tell(
            Hello(
                session=self.id,
                avatar=self.avatar_id,
                drive=self.drive,
                width=picture.width,
                height=picture.height,
                fps=picture.fps,
            )
        )
        if self._page is not None:
            self._page.greeted()

    def on_message(self, message: str | bytes) -> None:
        """Answer a message; a page's bad one changes nothing, a program's ends the call."""
        if self._ending is not None:
            return
        if self._page is not None:
            self._page.hear(message)
        elif self._bot is not None:
            self._times.last_media_s = time.monotonic()
            self._bot.hear(message)

    def on_failure(self, reason: str) -> None:
        """End a call that can show nothing any more."""
        self.end("failed", reason)

    # What the call does for its page (CallWork)

    def tell(self, report: Report) -> None:
        """Send a message."""
        self._peer.send(REPORTS.write(report))

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work until done, or until the call ends, which cancels it; an error ends the call."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def give_up(self, why: str) -> None:
        """End the call, with the reason in words."""
        self.end("failed", why)

    async def in_pool(self, work: Callable[[], _Result]) -> _Result:
        """Do what blocks."""
        return await self._loop.run_in_executor(self._pool, work)

    # What the session tells, from its own threads

    def _on_session_event(self, event: SessionEvent) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hear, event)
        except RuntimeError:  # the loop was closed under a session that is still stopping
            logger.debug("a session event came after the event loop was closed: %r", event)

    def _hear(self, event: SessionEvent) -> None:
        if isinstance(event, FaceFound):
            self.tell(FaceMessage(state="tracked"))
        elif isinstance(event, FaceLost):
            self.tell(FaceMessage(state="lost"))
        elif isinstance(event, Calibrated):
            self.tell(CalibratedMessage())
        elif isinstance(event, SessionFailed):
            logger.error("call %s: the session has failed: %s", self.log_name, event.message)
            self.end("failed", event.message)

    # Once a second

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            peer = await self._peer.stats()
            if peer.packets_received != self._packets:
                self._packets, self._times.last_packet_s = peer.packets_received, now_s
            if self._bot is not None:
                self._bot.new_second()
            self._tell_too_large(self._peer.camera_too_large, now_s)
            if self._session is not None:
                self._tell_stats(self._session.stats(), peer.dropped, now_s)
            if self._page is not None:
                self._page.new_second()
            reason = why_end(self._times, now_s, self._settings.transport, self._settings.limits)
            if reason == "never_connected":
                self._end_unmade()
                return
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
        self.tell(self.latest)

    def _tell_too_large(self, size: tuple[int, int] | None, now_s: float) -> None:
        if size is not None:
            self._times.last_media_s = now_s  # it sends, in vain
        if size == self._told_too_large:
            return
        if size is not None:
            most = self._settings.transport.largest_camera
            report = ErrorMessage(
                code="camera_too_large",
                detail=f"The camera sends {size[0]} x {size[1]} pixels; at most {most} on each side are looked at. "
                "Choose a smaller picture for the camera.",
            )
            if not self._peer.send(REPORTS.write(report)):  # no channel yet: it is told in a second
                return
        self._told_too_large = size

    # Beginning and end

    async def _start(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            await self.in_pool(session.start)
        except Exception as error:  # whatever a stage raises while starting, the user hears of it and the slot is freed
            logger.exception("call %s: the session did not start", self.log_name)
            self.end("failed", str(error) if isinstance(error, AvatarError) else None)

    async def _end(self, reason: EndReason, detail: str) -> None:
        try:
            self.tell(Bye(reason=reason, detail=detail))
            await self._peer.flush(BYE_TIME_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._page is not None:
                await self._page.close()
            await self._peer.close()
            if self._starting is not None:
                await self._starting
        finally:
            if self._making is not None:
                await asyncio.wait([self._making])
                if not self._making.cancelled() and self._making.exception() is None:
                    await self.in_pool(self._making.result().stop)
            # aiortc's objects know each other and this call, and stay until Python looks for such circles: what takes
            # memory must not stay with them.
            self._session = self._page = self._bot = self._making = None
            self._on_end(self)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("call %s: %r", self.log_name, error, exc_info=error)
            self.end("failed")

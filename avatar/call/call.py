"""One call from its offer to its end: when it begins, what it is told, and why it is over."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from avatar.call.audience import Audience
from avatar.call.call_recording import CallRecording
from avatar.call.capacity import Standing
from avatar.call.ice_session import Trickled
from avatar.call.limits import REASONS, CallTimes, EndReason, why_end
from avatar.call.media import CallMedia
from avatar.call.participant import CallHost, Participant
from avatar.call.peer_host import PeerHost
from avatar.call.quality import CallQuality
from avatar.call.room import MemberCall, Seat
from avatar.call.session_events import SessionEvents
from avatar.call.session_lifetime import OpenSession, SessionLifetime
from avatar.call.statistics import CallStatistics
from avatar.config import LimitSettings, PictureSettings, TransportSettings, TrustSettings
from avatar.sdk.file_signing import ShownAvatars
from avatar.session.protocol import LiveSession
from avatar.stream.broadcast import Broadcast
from avatar.stream.page_reports import Bye, Hello
from avatar.stream.peer import Peer
from avatar.stream.rtp.packet_guard import DropReason
from avatar.stream.sdp.offer import Offer
from avatar.stream.trickle import Fragment
from avatar.types import Picture

logger = logging.getLogger(__name__)

TICK_S: Final = 1.0
BYE_TIME_S: Final = 0.3
"""How long the last message may take to leave."""

MakeParticipant = Callable[[LiveSession, CallHost], Participant]
"""Makes who takes part in a call, for its session and the call itself."""


class Call:
    """The lifecycle of a call: a `ConnectionListener` of its peer.

    Pictures and sound are the media's, figures the statistics', what its participant needs of it the host's. Used on
    the event loop only; nothing here blocks it.
    """

    def __init__(
        self,
        call_id: str,
        *,
        peer: Peer,
        media: CallMedia,
        broadcast: Broadcast,
        statistics: CallStatistics,
        times: CallTimes,
        picture: PictureSettings,
        transport: TransportSettings,
        limits: LimitSettings,
        blocking_pool: Executor,
        on_end: Callable[[Call], None],
        watch_token: str | None = None,
        quality: CallQuality | None = None,
        weight: float = 1.0,
        seat: Seat | None = None,
        recordings: Path | None = None,
        trust: TrustSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a call.

        Args:
            call_id: names it; whoever knows all of it may end the call.
            peer: the connection.
            media: what the peer tells of pictures and sound.
            broadcast: pictures and sound for who watches.
            statistics: what they come to.
            times: what has happened when, as the media say too.
            picture: what is sent.
            transport: how long a peer may be silent.
            limits: how long a call may last.
            blocking_pool: its threads do what blocks.
            on_end: is told once nothing of the call is left.
            watch_token: who knows it may watch; None: one is made.
            quality: makes the call simpler where it would be late; None: its quality is fixed.
            weight: what the call costs, where one that a camera drives costs 1.
            seat: its place in a room; None: it is in none.
            recordings: the folder that a recording of it goes to; None: there is to be none.
            trust: whether recordings are signed, and how; None: they are not.
            clock: seconds, as time.monotonic().
        """
        self.id = call_id
        self.answer_sdp = ""
        self.ice_tag = secrets.token_hex(8)
        """Names the ICE session, which lasts as long as the call (RFC 9725, 4.3.1)."""
        self.watch_token = watch_token or secrets.token_urlsafe(16)
        """Unguessable; whoever knows it may watch the call, and do nothing else."""
        self._audience = Audience(broadcast, transport, limits, on_change=self._set_watched)
        self.watchers: Final = self._audience.by_link
        self.seat = seat
        """Its place in a room; None: it is in none."""
        self.reason: EndReason | None = None
        """Why the call is over; None while it goes on."""
        self.statistics = statistics
        self.participant: Participant | None = None
        """Who takes part; None before the session is there, and after the end."""
        self.picture, self.media = picture, media
        self._peer, self._times, self._broadcast = peer, times, broadcast
        self._transport, self._limits = transport, limits
        self._quality, self._weight = quality, weight
        self._on_end, self._clock = on_end, clock
        self._host = PeerHost(peer, blocking_pool, log_name=self.log_name, on_failure=self.on_failure)
        self._loop = asyncio.get_running_loop()
        self.recording = CallRecording(
            recordings,
            (picture.width, picture.height),
            picture.fps,
            limits,
            tell=self._host.send,
            in_pool=self._host.in_pool,
            shown=None if trust is None else ShownAvatars(trust, picture),
        )
        media.record(self.recording)
        self._packets = 0
        self._events = SessionEvents(self._host.send, statistics, log_name=self.log_name, on_failure=self.on_failure)
        self._lifetime = SessionLifetime(self._host.in_pool, show=self._show, on_event=self._events.report)
        self._session: LiveSession | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def log_name(self) -> str:
        """The call in the log: its id's beginning, since whoever knows all of it may end the call."""
        return f"{self.id[:6]}..."

    @property
    def exhausted(self) -> bool:
        """Whether the machine has too little time for the call though its quality is the least there is."""
        return self._quality is not None and self._quality.exhausted

    @property
    def standing(self) -> Standing:
        """How the call does, for the server as a whole."""
        age_s = self._clock() - self._times.created_s
        if self._quality is None:
            return Standing(None, True, age_s, self._weight)
        return Standing(self._quality.figure.level, self._quality.in_time, age_s, self._weight)

    @property
    def packets_dropped(self) -> Mapping[DropReason, int]:
        """Packets that were kept from the call, by reason."""
        return self._peer.packets_dropped()

    async def open(self, offer: Offer, open_session: OpenSession, make_participant: MakeParticipant) -> None:
        """Make the session and the answer. Raises AvatarError; the caller then ends the call."""
        session = await self._lifetime.make(open_session)
        self.participant = participant = make_participant(session, self._host)
        self.media.join(session, participant)
        self.answer_sdp = await self._peer.answer(offer, self, self.media)
        self._session = session
        self._set_watched()
        # A program that connects to watch has to say something now and then: it holds a place for its own voice.
        self._times.only_watched = self._peer.only_watched and not participant.speaks_by_messages
        self._lifetime.start(session, self._events.not_started)
        self._host.run(self._watch(session, participant))
        if self._quality is not None and self._peer.sends_video:
            self._host.run(self._quality.run(session, participant, self._host))

    def end(self, reason: EndReason, detail: str | None = None) -> asyncio.Task[None]:
        """End the call, once; the task returned is done when nothing of it is left."""
        if self._ending is None:
            self.reason = reason
            if self.seat is not None:
                self.seat.leave()
            self._ending = asyncio.create_task(self._end(reason, detail or REASONS[reason]))
        return self._ending

    async def trickle(self, fragment: Fragment) -> Trickled:
        """Try more addresses of the peer, or restart its ICE. Raises TrickleError and ServerFullError."""
        restart = await self._peer.trickle(fragment)
        if restart is not None:
            self.ice_tag = secrets.token_hex(8)
        return Trickled(self.ice_tag, restart)

    # What the peer tells (ConnectionListener)

    def on_state(self, state: str) -> None:
        """Follow the connection's state."""
        if state == "connected" and self._times.connected_s is None:
            self._times.connected_s = self._clock()
            if self.seat is not None:
                self.seat.enter(MemberCall(self._host.send, self._audience.open_view))
        elif state == "failed":
            self._loop.call_soon(self._connection_failed)  # aiortc tells before all that led to it is known
        elif state == "closed":
            # aiortc closes a connection that can no longer be read from just as one that the peer has closed.
            self.end("left" if self._peer.said_goodbye else "connection_lost")

    def on_channel_open(self) -> None:
        """Greet the participant."""
        if self.participant is None:
            return
        picture = self.picture
        self._host.send(
            Hello(
                session=self.id,
                avatar=self.participant.avatar_id,
                drive=self.participant.drive,
                width=picture.width,
                height=picture.height,
                fps=picture.fps,
                watch=self.watch_token,
                background=str(picture.background) if picture.background.kind == "colour" else picture.background.kind,
            )
        )
        if self._quality is not None:
            self._quality.on_channel_open(self._host)
        if self.seat is not None:
            self.seat.tell()
        self.participant.on_channel_open()

    def on_message(self, message: str | bytes) -> None:
        """Let the participant's side answer a message."""
        if self._ending is not None or self.participant is None:
            return
        if self.participant.speaks_by_messages:
            self._times.last_media_s = self._clock()
        self.participant.on_message(message)

    def on_failure(self, reason: str | None) -> None:
        """End a call that cannot go on; the reason is for its user to read."""
        self.end("failed", reason)

    # The session's pictures come in its own thread

    def _show(self, picture: Picture) -> None:
        self._peer.show(picture)
        self._broadcast.show(picture)

    # Once a second, and end

    async def _watch(self, session: LiveSession, participant: Participant) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = self._clock()
            peer = await self._peer.stats()
            if peer.packets_received != self._packets:
                self._packets, self._times.last_packet_s = peer.packets_received, now_s
            self.media.on_second()
            await self._audience.on_second()
            if self.seat is not None:
                self.seat.on_second()
                if not self.seat.alone:  # who says nothing in a room listens to the others
                    self._times.last_media_s = now_s
            quality = None if self._quality is None else self._quality.figure
            self._host.send(self.statistics.read(session.stats(), peer.dropped, now_s, quality))
            participant.on_second()
            reason = why_end(self._times, now_s, self._transport, self._limits)
            if reason == "never_connected":
                self._end_unmade()
                return
            if reason is not None:
                self.end(reason)
                return

    def _set_watched(self) -> None:
        """Let pictures be drawn while there is anybody to see them."""
        if self._session is not None:
            self._session.set_watched(self._peer.sends_video or self._audience.watching)

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

    async def _end(self, reason: EndReason, detail: str) -> None:
        try:
            self._host.send(Bye(reason=reason, detail=detail))
            await self._peer.flush(BYE_TIME_S)
            await self._host.cancel()
            await self.recording.close()
            if self.participant is not None:
                await self.participant.close()
            await self._audience.close()
            await self._peer.close()
            await self._lifetime.started()
        finally:
            await self._lifetime.stop()
            # aiortc's objects know each other and this call, and stay until Python looks for such circles: what takes
            # memory must not stay with them.
            self.participant = self._session = None
            self.media.leave()
            self._on_end(self)

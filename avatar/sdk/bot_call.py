"""One call of a program to a server that draws for it: ticks go there over the data channel, pictures come back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import av

from avatar.config import PictureSettings
from avatar.errors import AvatarError, ControlError, FrameError, ServerGoneError
from avatar.generator.picture_label import PictureLabel, label_of
from avatar.media.colour import camera_rgb
from avatar.media.matte_beside import rgba_of
from avatar.media.pcm import SampleQueue
from avatar.motion.cues import Cue
from avatar.sdk.background_request import BackgroundRequest
from avatar.sdk.bot_protocol import (
    BACKGROUND_REPLY,
    BOT_REQUESTS,
    MOUTH_RATE,
    REPORT_BYTES,
    SERVER_REPORTS,
    Begin,
    BotRequest,
    Ping,
    ServerHello,
    ServerReport,
    TickRequest,
    write_tick,
)
from avatar.sdk.frame_queue import FrameQueue
from avatar.sdk.renderer import stopped
from avatar.sdk.server_liveness import PING_EVERY_S, ServerLiveness
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.stream.caller import Caller
from avatar.stream.ice_servers import IceServer
from avatar.stream.page_reports import BackgroundMessage, Bye, Clock, ErrorMessage, Pong
from avatar.timing.remote_lead import RemoteLead, observe_way
from avatar.timing.rtp_clock import VIDEO_RATE, wrapped

OPEN_TIMEOUT_S: Final = 20.0
"""From the offer to the first picture."""
LOST_REASONS: Final = frozenset({"server_stopping", "connection_lost", "never_connected"})
"""Why a server ends a call that is worth to be made again."""
SPARE_TICKS: Final = 2
"""Ticks on their way or waiting to be taken, besides those that the lead asks for."""
CUES_PER_TICK: Final = 4
LONGEST_REASON: Final = 1000
"""Letters of why a server ends a call that are passed on."""


class CallLostError(ServerGoneError):
    """The call is over, and another one can be made."""


@dataclass(frozen=True, slots=True)
class CallTerms:
    """What a program asks for when it makes a call."""

    face: str
    """An id that the server knows."""
    picture: PictureSettings
    """Size, rate, label and background; tier and engine are the server's to choose."""
    begin: Begin
    """How the avatar is to be."""
    watch: str | None = None
    """The end of the call's watch link; None: the server makes one."""


class BotCall:
    """`open`, `draw` and `close` it, once each. Used on one event loop, which also calls it as a `CallerListener`."""

    def __init__(
        self,
        client: WhipClient,
        terms: CallTerms,
        queue: FrameQueue,
        cues: deque[Cue],
        background: BackgroundRequest,
        *,
        ice_servers: Sequence[IceServer],
    ) -> None:
        """Prepare to call.

        Args:
            client: knows the server.
            terms: what is asked for.
            queue: its ticks are drawn.
            cues: leave with the next tick; other threads may append.
            background: is told the server's answers.
            ice_servers: the STUN and TURN servers to use.
        """
        self._client, self._terms, self._queue, self._cues = client, terms, queue, cues
        self._background = background
        self._caller = Caller(self, ice_servers=ice_servers)
        self._server = ServerLiveness(lambda: self.send(Ping()), self._is_gone, self._lose)
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._answer: Answer | None = None
        self._size: tuple[int, int] | None = None
        """(width, height) of the pictures, as the server's first message says."""
        self._label: PictureLabel | None = None
        self._clock: int | None = None
        """RTP timestamp of the picture of tick 0."""
        self._seen = False
        """A picture has come."""
        self._lead = RemoteLead()
        self._sent_s: dict[int, float] = {}
        """When each tick left whose picture has not come."""
        self._mouth_sound = SampleQueue(MOUTH_RATE)
        self._cuts = 0
        self._failure: AvatarError | None = None
        """Why the call is over; the first reason counts."""

    @property
    def lead_s(self) -> float:
        """How long before it is due a tick leaves: as long as pictures take to come back."""
        return self._lead.lead_s

    async def open(self) -> tuple[int, int]:
        """Make the call, wait for its first picture and return the (width, height) of all of them in pixels.

        Raises:
            CallLostError: it was lost meanwhile.
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, no picture comes, or the queue was closed.
        """
        self._queue.on_change = self._on_queue_change
        terms = self._terms
        offer = await self._caller.offer(loopback=self._client.on_this_machine)
        wanted = {"mode": "bot", "avatar": terms.face}
        if terms.watch is not None:
            wanted["watch"] = terms.watch
        picture = await asyncio.to_thread(self._client.name_picture, terms.picture)
        self._answer = await asyncio.to_thread(self._client.offer, offer, wanted | picture)
        await self._caller.accept(self._answer.sdp)
        return await self._wait_for_first_picture()

    async def draw(self) -> None:
        """Draw the queue's ticks until it is closed.

        Raises:
            CallLostError: the call is over, and another one can be made.
            AvatarError: it is over for good.
        """
        self._server.answered()  # the first picture may have taken long
        while not self._queue.closed:
            self._server.check()
            self._raise_failure()
            lead_s = self._lead.lead_s
            wait_s = self._queue.plan_in_s(lead_s, math.ceil(lead_s * self._terms.picture.fps) + SPARE_TICKS)
            if wait_s <= 0:
                self._send_tick()
            else:
                await self._rest(min(wait_s, PING_EVERY_S))

    async def close(self) -> None:
        """End the call, whatever has become of it. One that is lost may take seconds."""
        self._server.close()
        await self._caller.close()
        if self._answer is not None and not self._server.gone:
            with contextlib.suppress(AvatarError):  # the call has ended by itself, or with its server
                await asyncio.to_thread(self._client.end, self._answer)

    def send(self, request: BotRequest) -> None:
        """Send a message. Raises ServerGoneError where the connection is closed, or nothing gets through."""
        self._caller.send(BOT_REQUESTS.write(request))

    # Callbacks of the connection (CallerListener)

    def on_state(self, state: str) -> None:
        """Notice a connection that is lost."""
        if state in ("failed", "closed"):
            self._lose(self._caller.why_lost())

    def on_channel_open(self) -> None:
        """Send the first message."""
        self.send(self._terms.begin)

    def on_message(self, message: str | bytes) -> None:
        """Act on a message of the server."""
        self._server.heard()
        try:
            self._handle(SERVER_REPORTS.read_known(message, limit_bytes=REPORT_BYTES))
        except ControlError as error:
            self._fail(ServerGoneError(f"This is no server of ours: {error}"))
        self._wake.set()

    def on_picture(self, frame: av.VideoFrame, wire_timestamp: int) -> None:
        """Settle the tick of a picture."""
        self._server.heard()
        if self._clock is None:
            return
        self._seen = True
        self._wake.set()
        since = wrapped(wire_timestamp - self._clock)
        index = round(since * self._terms.picture.fps / VIDEO_RATE)
        sent_s = self._sent_s.get(index)
        if sent_s is None or self._size is None:
            return  # the face at rest before the first tick
        width, height = self._size
        if frame.height != height or frame.width not in (width, 2 * width):
            return  # none of ours
        self._sent_s = {later: at_s for later, at_s in self._sent_s.items() if later > index}
        with contextlib.suppress(FrameError):
            rgb = camera_rgb(frame)
            shown = rgb if frame.width == width else rgba_of(rgb)
            if self._label is not None:
                self._label.lay(shown)
            self._queue.settle(index, shown)
        self._lead = observe_way(self._lead, time.monotonic() - sent_s)

    def _handle(self, report: ServerReport | None) -> None:
        match report:
            case ServerHello(width, height):
                self._size = (width, height)
                self._label = None if self._terms.picture.label is None else label_of(self._terms.picture, self._size)
            case Clock(rtp):
                self._clock = rtp
            case Pong():
                self._server.answered()
            case BackgroundMessage():
                self._background.done()
            case ErrorMessage(code, detail, reply_to) if reply_to == BACKGROUND_REPLY:
                self._background.refused(AvatarError(detail[:LONGEST_REASON], code=code))
            case Bye("failed", detail):
                self._fail(stopped(detail[:LONGEST_REASON]))
            case Bye(reason, detail):
                kind = CallLostError if reason in LOST_REASONS else ServerGoneError
                self._fail(kind(f"The server has ended the call: {detail[:LONGEST_REASON]}"))

    async def _wait_for_first_picture(self) -> tuple[int, int]:
        end_s = time.monotonic() + OPEN_TIMEOUT_S
        while not self._queue.closed:
            if self._seen and self._size is not None:
                return self._size
            self._raise_failure()
            if time.monotonic() > end_s:
                raise ServerGoneError(
                    "The server answers, but no picture comes from it. A firewall on the way may block UDP."
                )
            await self._rest(end_s - time.monotonic())
        raise ServerGoneError("The avatar was closed while it opened.")

    def _send_tick(self) -> None:
        tick = self._queue.plan()
        for _ in range(min(len(self._cues), CUES_PER_TICK)):
            self.send(self._cues.popleft())
        self._sent_s[tick.index] = time.monotonic()
        mouth = tick.mouth
        if mouth.cut.number != self._cuts:
            self._cuts = mouth.cut.number
            self._mouth_sound.clear()
        self._mouth_sound.push(mouth.samples, self._queue.playout.rate)
        samples = self._mouth_sound.take(len(self._mouth_sound))
        self._caller.send(write_tick(TickRequest(tick.index, replace(mouth, samples=samples))))

    async def _rest(self, seconds: float) -> None:
        """Wait until there is news, but no longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._wake.wait()
        self._wake.clear()

    def _on_queue_change(self) -> None:
        """Any thread: ticks were taken, or the queue began or was closed."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake.set)

    def _is_gone(self) -> bool:
        return self._answer is not None and self._client.is_gone(self._answer)

    def _lose(self, why: str) -> None:
        self._fail(CallLostError(why))

    def _fail(self, error: AvatarError) -> None:
        if self._failure is None:
            self._failure = error
        self._wake.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

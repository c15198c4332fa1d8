"""Renderer that has a server draw an avatar's ticks: the mouth's input goes there, pictures come back over WebRTC.

Speech and its playback position stay here: sound is never lost, whatever becomes of the connection, and an
interruption is silent before the server has heard of it. A call whose server process died is made again, with the same
face and mood, as long as the server's address answers; sound goes on without pictures meanwhile. Everything runs in a
thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

import av

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, ControlError, FrameError, ServerFullError, ServerGoneError, what_failed
from avatar.generator.picture_label import label_of
from avatar.media.colour import camera_rgb
from avatar.media.matte_beside import rgba_of
from avatar.media.pcm import SampleQueue
from avatar.motion.cues import MOST_WAITING, Attend, Cue, Look, Mood
from avatar.sdk.background_request import BackgroundRequest
from avatar.sdk.bot_protocol import (
    BACKGROUND_REPLY,
    BOT_REQUESTS,
    MOUTH_RATE,
    REPORT_BYTES,
    SERVER_REPORTS,
    Begin,
    Ping,
    ServerHello,
    ServerReport,
    SetBackground,
    TickRequest,
    write_tick,
)
from avatar.sdk.frame_queue import FrameQueue
from avatar.sdk.renderer import stopped
from avatar.sdk.server_liveness import PING_EVERY_S, ServerLiveness
from avatar.sdk.speech_playout import MouthInput
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.stream.caller import Caller
from avatar.stream.ice_servers import IceServer, read_ice_server
from avatar.stream.page_reports import BackgroundMessage, Bye, Clock, ErrorMessage, Pong
from avatar.timing.remote_lead import RemoteLead, observe_way
from avatar.timing.rtp_clock import VIDEO_RATE, wrapped
from avatar.timing.stage_thread import JOIN_TIMEOUT_S

OPEN_TIMEOUT_S: Final = 20.0
"""From the offer to the first picture."""
COME_BACK_S: Final = 20.0
"""A call that is gone is tried for so long to be made again."""
COME_BACK_EVERY_S: Final = 0.5
LOST_REASONS: Final = frozenset({"server_stopping", "connection_lost", "never_connected"})
"""Why a server ends a call that is worth to be made again."""
SPARE_TICKS: Final = 2
"""Ticks on their way or waiting to be taken, besides those that the lead asks for."""
PATIENCE: Final = 1.0
"""Share of a picture's time that a tick waits for its picture; then its sound goes without."""
CUES_PER_TICK: Final = 4
LONGEST_REASON: Final = 1000
"""Letters of why a server ends a call that are passed on."""


class _CallLostError(ServerGoneError):
    """The call is over, and another one can be made."""


class RemoteRenderer:
    """Draws on a server. The methods of `Renderer` are for the avatar's event loop; the rest runs in the thread."""

    def __init__(
        self,
        client: WhipClient,
        face: str,
        picture: PictureSettings,
        *,
        liveliness: float = 1.0,
        ice_servers: Sequence[str] | None = None,
        watch: str | None = None,
    ) -> None:
        """Draw `face`, an id the server knows, at the size and rate of `picture`; tier and engine are the server's.

        `ice_servers` are URLs of STUN and TURN servers; None: those that the server names. `watch` is the end of the
        call's watch link; None: the server makes one.
        """
        self._client, self._face, self._picture = client, face, picture
        self._liveliness, self._ice_servers, self._watch = liveliness, ice_servers, watch
        self._opened: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._size: tuple[int, int] | None = None
        self._label = None if picture.label is None else label_of(picture, (picture.width, picture.height))
        self._cues: deque[Cue] = deque(maxlen=MOST_WAITING)
        self._standing: dict[type[Cue], Cue] = {}
        """The last cue of each kind that holds until the next: what a call that is made again begins with."""
        self._lead = RemoteLead()
        self._clock: int | None = None
        """RTP timestamp of the picture of tick 0."""
        self._seen = False
        """A picture has come."""
        self._sent_s: dict[int, float] = {}
        """When each tick left whose picture has not come."""
        self._answer: Answer | None = None
        self._speaking: asyncio.Task[None] | None = None
        """Lets sound go on while the call is made again."""
        self._failure: AvatarError | None = None
        self._leaving = False
        self._hanging_up = False
        self._mouth_sound = SampleQueue(MOUTH_RATE)
        self._background = BackgroundRequest(client, self._send_soon)
        self._cuts = 0

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) in pixels, once it is open."""
        return self._size or (self._picture.width, self._picture.height)

    @property
    def lead_s(self) -> float:
        """As long as pictures take to come back."""
        return self._lead.lead_s

    async def open(self, queue: FrameQueue, *, seed: int) -> None:
        """Make the call and wait for its first picture.

        Raises:
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, or no picture comes.
        """
        queue.patience_s = PATIENCE / queue.playout.fps
        self._queue, self._begin = queue, Begin(float(self._liveliness), int(seed))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="avatar-remote", daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(self._opened)
        except BaseException:
            queue.close()
            await self.close()
            raise

    def perform(self, cue: Cue) -> None:
        """Follow a cue with the next tick."""
        if isinstance(cue, Mood | Look | Attend):
            self._standing[type(cue)] = cue
        self._cues.append(cue)

    async def set_background(self, background: Background) -> None:
        """Ask the server for it, and wait until it is there."""
        await self._background.ask(background)
        self._picture = replace(self._picture, background=background)  # a call that is made again begins with it

    async def close(self) -> None:
        """End the call and wait for the thread's end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, JOIN_TIMEOUT_S)

    # Callbacks of the connection (CallerListener)

    def on_state(self, state: str) -> None:
        """Notice a connection that is lost."""
        if state in ("failed", "closed") and not self._hanging_up:
            self._fail(_CallLostError(self._caller.why_lost()))

    def on_channel_open(self) -> None:
        """Send the first message."""
        self._caller.send(BOT_REQUESTS.write(self._begin))

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
        index = round(since * self._picture.fps / VIDEO_RATE)
        sent_s = self._sent_s.get(index)
        width, height = self.picture_size
        if sent_s is None or frame.height != height or frame.width not in (width, 2 * width):
            return  # the face at rest before the first tick, or none of ours
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
                if self._label is not None:
                    self._label = label_of(self._picture, self._size)
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
                kind = _CallLostError if reason in LOST_REASONS else ServerGoneError
                self._fail(kind(f"The server has ended the call: {detail[:LONGEST_REASON]}"))

    # The thread

    async def _live(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._queue.on_change = self._heed
        try:
            await self._one_call()
            while isinstance(self._failure, _CallLostError) and not self._queue.closed:
                await self._come_back(self._failure)
        except AvatarError as error:
            self._fail(error)
        except Exception as error:  # the thread's root: the reason must not die with it
            self._fail(stopped(what_failed(error)))
        self._leaving = True
        self._background.refused(ServerGoneError("The avatar was closed meanwhile."))
        if not self._opened.done():
            self._opened.set_exception(self._failure or ServerGoneError("The avatar was closed while it opened."))
        elif self._failure is not None:
            self._queue.fail(self._failure)

    async def _one_call(self) -> None:
        """Make a call and draw until it is over; raises AvatarError, but where it was lost, `_failure` says so."""
        caller = Caller(self, ice_servers=await self._find_ice_servers())
        self._caller, self._answer, self._hanging_up = caller, None, False
        self._server = ServerLiveness(self._ping, self._is_gone, lambda why: self._fail(_CallLostError(why)))
        try:
            await self._call()
        except _CallLostError as error:
            self._fail(error)
            if not self._opened.done():
                raise
        finally:
            self._hanging_up = True
            self._server.close()
            # To end a call that is lost may take seconds, in which sound goes on.
            speaking = asyncio.create_task(self._speak_on()) if isinstance(self._failure, _CallLostError) else None
            await caller.close()
            if self._answer is not None and not self._server.gone:
                with contextlib.suppress(AvatarError):  # the call has ended by itself, or with its server
                    await asyncio.to_thread(self._client.end, self._answer)
            if speaking is not None:
                speaking.cancel()

    async def _come_back(self, lost: AvatarError) -> None:
        """Make the call again. Raises ServerGoneError and more where that cannot be done."""
        self._failure, self._clock, self._seen = None, None, False
        self._sent_s.clear()
        self._lead = RemoteLead()
        self._cues.extendleft(self._standing.values())
        speaking = asyncio.create_task(self._speak_on())
        self._speaking = speaking
        end_s = time.monotonic() + COME_BACK_S
        try:
            while True:
                try:
                    await self._one_call()
                    return
                except (ServerFullError, ServerGoneError) as error:
                    if self._seen:  # the call was there again, and is over for good
                        raise
                    if time.monotonic() > end_s or self._queue.closed:
                        raise ServerGoneError(f"{lost} It could not be made again: {error}") from error
                    await asyncio.sleep(COME_BACK_EVERY_S)
        finally:
            speaking.cancel()

    async def _speak_on(self) -> None:
        """Let sound go on while there are no pictures."""
        while not self._queue.closed:
            wait_s = self._queue.plan_in_s(self._lead.lead_s, SPARE_TICKS)
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, 1 / self._picture.fps))
                continue
            self._queue.settle(self._queue.plan().index, None)

    async def _find_ice_servers(self) -> tuple[IceServer, ...]:
        if self._ice_servers is not None:
            return tuple(map(read_ice_server, self._ice_servers))
        return await asyncio.to_thread(self._client.ice_servers)

    async def _call(self) -> None:
        offer = await self._caller.offer(loopback=self._client.on_this_machine)
        picture = self._picture
        wanted: dict[str, str | int] = {"mode": "bot", "avatar": self._face, "fps": picture.fps}
        if self._watch is not None:
            wanted["watch"] = self._watch
        if picture.background.kind != "keep":  # else it is the server's to choose
            wanted["background"] = await asyncio.to_thread(self._client.name_background, picture.background)
        wanted |= {"width": picture.width, "height": picture.height}
        self._answer = await asyncio.to_thread(self._client.offer, offer, wanted)
        await self._caller.accept(self._answer.sdp)
        await self._wait_for_first_picture()
        if self._speaking is not None:
            self._speaking.cancel()
        if not self._queue.closed:
            if not self._opened.done():
                self._opened.set_result(None)
            await self._draw_ticks()

    async def _wait_for_first_picture(self) -> None:
        end_s = time.monotonic() + OPEN_TIMEOUT_S
        while not (self._seen and self._size is not None) and not self._queue.closed:
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > end_s:
                raise ServerGoneError(
                    "The server answers, but no picture comes from it. A firewall on the way may block UDP."
                )
            await self._rest(end_s - time.monotonic())

    async def _draw_ticks(self) -> None:
        self._server.answered()  # the first picture may have taken long
        while not self._queue.closed:
            self._server.check()
            if self._failure is not None:
                raise self._failure
            lead_s = self._lead.lead_s
            wait_s = self._queue.plan_in_s(lead_s, math.ceil(lead_s * self._picture.fps) + SPARE_TICKS)
            if wait_s <= 0:
                self._send_tick()
            else:
                await self._rest(min(wait_s, PING_EVERY_S))

    def _send_tick(self) -> None:
        tick = self._queue.plan()
        for _ in range(min(len(self._cues), CUES_PER_TICK)):
            self._caller.send(BOT_REQUESTS.write(self._cues.popleft()))
        self._sent_s[tick.index] = time.monotonic()
        mouth = tick.mouth
        if mouth.cut.number != self._cuts:
            self._cuts = mouth.cut.number
            self._mouth_sound.clear()
        self._mouth_sound.push(mouth.samples, self._queue.playout.rate)
        samples = self._mouth_sound.take(len(self._mouth_sound))
        mouth = MouthInput(mouth.time_s, mouth.begin_s, samples, mouth.speaking, mouth.cut)
        self._caller.send(write_tick(TickRequest(tick.index, mouth)))

    def _ping(self) -> None:
        self._caller.send(BOT_REQUESTS.write(Ping()))

    def _is_gone(self) -> bool:
        return self._answer is not None and self._client.is_gone(self._answer)

    async def _rest(self, seconds: float) -> None:
        """Wait until there is news, but no longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._wake.wait()
        self._wake.clear()

    def _send_soon(self, request: SetBackground) -> None:
        """Any thread: send a request, or fail."""

        def send() -> None:
            try:
                self._caller.send(BOT_REQUESTS.write(request))
            except ServerGoneError as error:
                self._fail(error)

        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(send)

    def _heed(self) -> None:
        """Any thread: ticks were taken, or the queue began or was closed."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake.set)

    def _fail(self, error: AvatarError) -> None:
        if self._failure is None and not self._leaving:
            self._failure = error
        self._background.refused(error)
        self._wake.set()

"""One call of a virtual camera to a server: camera and microphone go there, pictures come back, as with the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final

import av

from avatar.errors import AvatarError, ControlError, FrameError, ServerGoneError
from avatar.media.colour import camera_rgb
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.session.protocol import FaceSight
from avatar.stream.caller import Caller
from avatar.stream.ice_servers import IceServer
from avatar.stream.page_reports import REPORTS, Bye, ErrorMessage, Report, Stats, TraceMessage
from avatar.stream.page_requests import REQUESTS, Ping, Request, Trace
from avatar.stream.uplink import Uplink
from avatar.stream.video_track import SentPicture
from avatar.timing.answered_frames import AnsweredFrames
from avatar.types import U8, CaptureStamp, Picture

OPEN_TIMEOUT_S: Final = 20.0
"""From the offer to the first picture."""
PING_EVERY_S: Final = 1.0
LOST_S: Final = 6.0
"""A server from which neither picture nor message has come for so long is gone."""
REPORT_BYTES: Final = 65_536
MOST_SOUNDS: Final = 50
"""Pieces of sound that may wait for the event loop: one second."""


class CameraCall:
    """`connect`, `wait_for_picture`, `hold` and `close` it, once each, on one event loop.

    That loop calls it as a `CallerListener`, too. `show`, `push_audio`, `ask` and `end` may be called from any thread.
    """

    def __init__(
        self,
        client: WhipClient,
        *,
        fps: int,
        pool: Executor,
        ice_servers: Sequence[IceServer],
        on_picture: Callable[[U8, CaptureStamp | None], None],
        on_sight: Callable[[FaceSight], None],
        on_note: Callable[[str], None],
    ) -> None:
        """Prepare to call.

        Args:
            client: knows the server.
            fps: about how many of the camera's pictures are sent a second.
            pool: encodes them.
            ice_servers: the STUN and TURN servers to use.
            on_picture: is told each picture, (height, width, 3) RGB, and when the camera frame was taken that it
                answers, None where that is not known.
            on_sight: is told what the camera shows, as the server says.
            on_note: is told what the user should know: that the server refuses something.
        """
        self._client, self._on_picture, self._on_sight, self._on_note = client, on_picture, on_sight, on_note
        self._uplink = Uplink(fps, pool=pool, on_sent=self._on_sent)
        self._caller = Caller(self, ice_servers=ice_servers, uplink=self._uplink)
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._sounds: deque[tuple[av.AudioFrame, float]] = deque(maxlen=MOST_SOUNDS)
        self._answered, self._heard_s = AnsweredFrames(), time.monotonic()
        self._answer: Answer | None = None
        self._seen = self._ended = False
        self._failure: AvatarError | None = None
        """Why the call is over; the first reason counts."""

    async def connect(self, wanted: Mapping[str, str | int]) -> None:
        """Make the call that is `wanted`, by the names of `WhipClient.offer`.

        Raises:
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer.
        """
        offer = await self._caller.offer(loopback=self._client.on_this_machine)
        self._answer = await asyncio.to_thread(self._client.offer, offer, wanted)
        await self._caller.accept(self._answer.sdp)

    async def wait_for_picture(self) -> None:
        """Return when the first picture has come. Raises ServerGoneError: none comes, or the call is over."""
        end_s = time.monotonic() + OPEN_TIMEOUT_S
        while not self._seen:
            self._raise_failure()
            left_s = end_s - time.monotonic()
            if left_s <= 0 or self._ended:
                raise ServerGoneError(
                    "The server answers, but no picture comes from it. A firewall on the way may block UDP."
                )
            await self._rest(left_s)

    async def hold(self) -> None:
        """Keep the call until `end`. Raises ServerGoneError: it is over before."""
        ping_s = 0.0
        while not self._ended:
            self._raise_failure()
            now_s = time.monotonic()
            if now_s - self._heard_s > LOST_S:
                raise ServerGoneError("The server has gone: nothing comes from it any more.")
            if now_s - ping_s >= PING_EVERY_S:
                ping_s = now_s
                self._send(Ping(now_s))
            await self._rest(PING_EVERY_S)

    async def close(self) -> None:
        """End the call, whatever has become of it."""
        await self._caller.close()
        if self._answer is not None:
            with contextlib.suppress(AvatarError):  # the call has ended by itself, or with its server
                await asyncio.to_thread(self._client.end, self._answer)

    def show(self, picture: Picture) -> None:
        """Send a camera's picture; the newest wins."""
        self._uplink.show(picture)

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Send sound that came at `received_s` (time.monotonic())."""
        self._sounds.append((frame, received_s))
        self._soon(self._send_sounds)

    def ask(self, request: Request) -> None:
        """Send a request."""
        self._soon(lambda: self._send(request))

    def end(self) -> None:
        """Let `hold` return."""
        self._ended = True
        self._soon(self._news.set)

    # Callbacks of the connection (CallerListener)

    def on_state(self, state: str) -> None:
        """Notice a connection that is lost."""
        if state in ("failed", "closed"):
            self._fail(ServerGoneError(self._caller.why_lost()))

    def on_channel_open(self) -> None:
        """Ask for which picture answers which camera frame."""
        self._send(Trace(enabled=True))

    def on_message(self, message: str | bytes) -> None:
        """Act on a message of the server."""
        self._heard_s = time.monotonic()
        try:
            self._handle(REPORTS.read_known(message, limit_bytes=REPORT_BYTES))
        except ControlError as error:
            self._fail(ServerGoneError(f"This is no server of ours: {error}"))

    def on_picture(self, frame: av.VideoFrame, wire_timestamp: int) -> None:
        """Pass a picture on with the stamp of the camera frame that it answers."""
        self._heard_s = time.monotonic()
        with contextlib.suppress(FrameError):
            self._on_picture(camera_rgb(frame), self._answered.answered_by(wire_timestamp))
        if not self._seen:
            self._seen = True
            self._news.set()

    def _handle(self, report: Report | None) -> None:
        match report:
            case TraceMessage(frames):
                for camera_rtp, picture_rtp in frames:
                    self._answered.pair(camera_rtp, picture_rtp)
            case Stats():
                self._on_sight(report.face)
            case ErrorMessage(_, detail):
                self._on_note(f"The server says: {detail}")
            case Bye(_, detail):
                self._fail(ServerGoneError(f"The server has ended the call: {detail}"))

    def _on_sent(self, sent: SentPicture) -> None:
        if sent.rtp_time is not None and sent.picture.capture is not None:
            self._answered.sent(sent.rtp_time, sent.picture.capture)

    def _send_sounds(self) -> None:
        while self._sounds:
            self._uplink.push_audio(*self._sounds.popleft())

    def _send(self, request: Request) -> None:
        try:
            self._caller.send(REQUESTS.write(request))
        except ServerGoneError as error:
            self._fail(error)

    def _soon(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(work)

    async def _rest(self, seconds: float) -> None:
        """Wait until there is news, but no longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    def _fail(self, error: AvatarError) -> None:
        if self._failure is None:
            self._failure = error
        self._news.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

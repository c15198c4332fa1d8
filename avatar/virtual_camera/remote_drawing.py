"""A virtual camera's pictures drawn by a server: camera and microphone go there over WebRTC, pictures come back.

The call is like the page's. Where the server goes away, the call is made again; the device shows the last picture
meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import av
import cv2
import numpy as np

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, ControlError, DeviceError, FrameError, ServerGoneError
from avatar.generator.picture_label import label_of
from avatar.media.colour import camera_rgb, to_i420
from avatar.motion.cues import understand
from avatar.sdk.whip_client import Answer, WhipClient
from avatar.session.protocol import FaceSight
from avatar.stream.caller import Caller
from avatar.stream.ice_servers import IceServer
from avatar.stream.page_reports import REPORTS, Bye, ErrorMessage, Report, Stats, TraceMessage
from avatar.stream.page_requests import REQUESTS, Calibrate, GiveCue, Ping, Request, SetAvatar, SetBackground, Trace
from avatar.stream.uplink import Uplink
from avatar.stream.video_track import SentPicture
from avatar.timing.answered_frames import AnsweredFrames
from avatar.types import U8, CaptureStamp, Drive, Picture
from avatar.virtual_camera.camera_input import CAMERA_SIZE
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread

OPEN_TIMEOUT_S: Final = 20.0
"""From the offer to the first picture."""
PING_EVERY_S: Final = 1.0
LOST_S: Final = 6.0
"""A server from which neither picture nor message has come for so long is gone."""
REPORT_BYTES: Final = 65_536
MOST_SOUNDS: Final = 50
"""Pieces of sound that may wait for the event loop: one second."""


class RemoteDrawing:
    """A `Drawing` whose pictures a server makes. The call lives in a thread with an event loop of its own."""

    def __init__(
        self,
        client: WhipClient,
        face: str,
        picture: PictureSettings,
        drive: Drive,
        *,
        on_picture: Callable[[Picture], None],
        on_note: Callable[[str], None],
        find_ice_servers: Callable[[], Sequence[IceServer]] | None = None,
    ) -> None:
        """Prepare to call.

        Args:
            client: knows the server.
            face: an id that the server knows.
            picture: size and rate; what draws it is the server's to choose.
            drive: what moves it.
            on_picture: is told each picture, in the call's thread.
            on_note: is told what the user should know: that the server was lost, or refuses something.
            find_ice_servers: returns the STUN and TURN servers of a call that is made now; may block. None: those that
                the server names.
        """
        self._client, self._face, self._picture, self._drive = client, face, picture, drive
        self._on_picture, self._on_note = on_picture, on_note
        self._background = picture.background
        self._label = label_of(picture, (picture.width, picture.height)) if picture.label is not None else None
        self._find_ice_servers = client.ice_servers if find_ice_servers is None else find_ice_servers
        self._first: Future[None] = Future()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="avatar-uplink")
        self._thread = DeviceThread("server", self._live, self._on_state)
        self._lock = threading.Lock()
        self._sounds: deque[tuple[av.AudioFrame, float]] = deque(maxlen=MOST_SOUNDS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._uplink: Uplink | None = None
        self._sight: FaceSight = "none"
        self._begin_s = time.monotonic()

    def start(self) -> None:
        """Make the call and wait for its first picture.

        Raises:
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, or no picture comes.
        """
        self._thread.start()
        self._first.result()

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Send a camera's picture; the newest wins."""
        uplink = self._uplink
        if uplink is not None:
            with contextlib.suppress(FrameError, av.FFmpegError, ValueError):
                uplink.show(Picture(capture.arrival_s - self._begin_s, camera_i420(frame), capture))

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Send sound."""
        if self._drive != "camera":
            self._sounds.append((frame, received_s))
            self._soon(self._send_sounds)

    def calibrate(self) -> None:
        """Take the driver's resting face anew."""
        self._ask(Calibrate())

    def show_face(self, face: str) -> None:
        """Show another avatar that the server knows."""
        self._face = face
        self._ask(SetAvatar(face))

    def show_background(self, background: Background) -> None:
        """Have the server put something else behind the avatar; a picture is sent there first, in a thread."""

        def work() -> None:
            try:
                name = self._client.name_background(background)
            except AvatarError as error:
                self._on_note(f"{background} cannot be behind the avatar: {error}")
                return
            self._background = background
            self._ask(SetBackground(name))

        threading.Thread(target=work, name="avatar-background", daemon=True).start()

    def direct(self, words: str) -> None:
        """Show what a cue says. Raises CueError."""
        if words != "neutral":
            understand(words)
        self._ask(GiveCue(words))

    @property
    def face_seen(self) -> FaceSight:
        """What the camera shows, as the server said last."""
        return self._sight

    def stop(self) -> None:
        """End the call."""
        self._thread.stopping.set()
        self._soon(self._wake_up)
        self._thread.stop()
        self._pool.shutdown(wait=False)

    # Callbacks of the connection (CallerListener), on the event loop

    def on_state(self, state: str) -> None:
        """Notice a connection that is lost."""
        if state in ("failed", "closed"):
            self._lose(ServerGoneError(self._caller.why_lost()))

    def on_channel_open(self) -> None:
        """Ask for which picture answers which camera frame."""
        self._send(Trace(enabled=True))

    def on_message(self, message: str | bytes) -> None:
        """Act on a message of the server."""
        self._heard_s = time.monotonic()
        try:
            report = REPORTS.read_known(message, limit_bytes=REPORT_BYTES)
        except ControlError as error:
            self._lose(ServerGoneError(f"This is no server of ours: {error}"))
            return
        self._handle(report)

    def on_picture(self, frame: av.VideoFrame, wire_timestamp: int) -> None:
        """Pass a picture on with the stamp of the camera frame that it answers."""
        self._heard_s = now_s = time.monotonic()
        with contextlib.suppress(FrameError):
            rgb = camera_rgb(frame)
            size = (self._picture.width, self._picture.height)
            if (rgb.shape[1], rgb.shape[0]) != size:  # from a server that is short of time; the device takes one size
                rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            if self._label is not None:
                self._label.lay(rgb)
            capture = self._answered.answered_by(wire_timestamp)
            sound_s = None if capture is None else capture.arrival_s
            self._on_picture(Picture(now_s - self._begin_s, to_i420(rgb), capture, sound_s))
        self._seen.set()

    def _handle(self, report: Report | None) -> None:
        match report:
            case TraceMessage(frames):
                for camera_rtp, picture_rtp in frames:
                    self._answered.pair(camera_rtp, picture_rtp)
            case Stats():
                self._sight = report.face
            case ErrorMessage(_, detail):
                self._on_note(f"The server says: {detail}")
            case Bye(_, detail):
                self._lose(ServerGoneError(f"The server has ended the call: {detail}"))

    # The thread

    def _live(self, thread: DeviceThread) -> None:
        try:
            asyncio.run(self._call(thread))
        except AvatarError as error:
            if not self._first.done():
                thread.stopping.set()  # what is wrong at the start is the caller's to mend
                self._first.set_exception(error)
                return
            raise DeviceError(str(error)) from error

    async def _call(self, thread: DeviceThread) -> None:
        self._wake, self._seen = asyncio.Event(), asyncio.Event()
        self._failure: AvatarError | None = None
        self._answered, self._heard_s = AnsweredFrames(), time.monotonic()
        uplink = Uplink(self._picture.fps, pool=self._pool, on_sent=self._on_sent)
        servers = await asyncio.to_thread(self._find_ice_servers)
        self._caller = caller = Caller(self, ice_servers=servers, uplink=uplink)
        answer: Answer | None = None
        try:
            offer = await caller.offer(loopback=self._client.on_this_machine)
            picture = self._picture
            wanted: dict[str, str | int] = {"avatar": self._face, "drive": self._drive, "fps": picture.fps}
            if self._background.kind != "keep":  # else it is the server's to choose
                wanted["background"] = await asyncio.to_thread(self._client.name_background, self._background)
            wanted |= {"width": picture.width, "height": picture.height}
            answer = await asyncio.to_thread(self._client.offer, offer, wanted)
            await caller.accept(answer.sdp)
            self._uplink, self._loop = uplink, asyncio.get_running_loop()
            await self._wait_for_picture()
            thread.works()
            if not self._first.done():
                self._first.set_result(None)
            await self._keep_alive(thread)
        finally:
            self._uplink = self._loop = None
            await caller.close()
            if answer is not None:
                with contextlib.suppress(AvatarError):  # the call has ended by itself, or with its server
                    await asyncio.to_thread(self._client.end, answer)

    async def _wait_for_picture(self) -> None:
        tasks = [asyncio.create_task(event.wait()) for event in (self._seen, self._wake)]
        await asyncio.wait(tasks, timeout=OPEN_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        if self._failure is not None:
            raise self._failure
        if not self._seen.is_set():
            raise ServerGoneError(
                "The server answers, but no picture comes from it. A firewall on the way may block UDP."
            )

    async def _keep_alive(self, thread: DeviceThread) -> None:
        while not thread.stopping.is_set():
            if self._failure is not None:
                raise self._failure
            now_s = time.monotonic()
            if now_s - self._heard_s > LOST_S:
                raise ServerGoneError("The server has gone: nothing comes from it any more.")
            self._send(Ping(now_s))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._wake.wait()

    def _on_sent(self, sent: SentPicture) -> None:
        if sent.rtp_time is not None and sent.picture.capture is not None:
            self._answered.sent(sent.rtp_time, sent.picture.capture)

    def _send_sounds(self) -> None:
        while self._sounds:
            frame, received_s = self._sounds.popleft()
            if self._uplink is not None:
                self._uplink.push_audio(frame, received_s)

    def _ask(self, request: Request) -> None:
        """Any thread: send a request, unless there is no call just now."""
        self._soon(lambda: self._send(request))

    def _send(self, request: Request) -> None:
        try:
            self._caller.send(REQUESTS.write(request))
        except ServerGoneError as error:
            self._lose(error)

    def _soon(self, work: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(work)

    def _wake_up(self) -> None:
        self._wake.set()

    def _lose(self, error: AvatarError) -> None:
        if self._failure is None:
            self._failure = error
        self._wake.set()

    def _on_state(self, state: DeviceState, why: str) -> None:
        if state == "lost":
            self._on_note(f"{why} Trying again.")


def camera_i420(frame: av.VideoFrame) -> U8:
    """Return a camera's picture as planar YUV 4:2:0, no larger than a face needs. Raises FFmpegError, ValueError."""
    share = min(1.0, max(CAMERA_SIZE) / max(frame.width, frame.height, 1))
    width, height = (max(2, round(side * share) & ~1) for side in (frame.width, frame.height))
    if frame.format.name != "yuv420p" or (width, height) != (frame.width, frame.height):
        frame = frame.reformat(width, height, format="yuv420p")
    return np.asarray(frame.to_ndarray(), np.uint8)

"""A virtual camera's pictures drawn by a server: camera and microphone go there over WebRTC, pictures come back.

The call is like the page's. Where the server goes away, the call is made again; the device shows the last picture
meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import av
import cv2
import numpy as np

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError, DeviceError, FrameError
from avatar.generator.picture_label import label_of
from avatar.media.colour import to_i420
from avatar.motion.cues import understand
from avatar.sdk.whip_client import WhipClient
from avatar.session.protocol import FaceSight
from avatar.stream.ice_servers import IceServer
from avatar.stream.page_requests import Calibrate, GiveCue, Request, SetAvatar, SetBackground
from avatar.types import U8, CaptureStamp, Drive, Picture
from avatar.virtual_camera.camera_call import CameraCall
from avatar.virtual_camera.camera_input import CAMERA_SIZE
from avatar.virtual_camera.device_thread import DeviceState, DeviceThread


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
        self._label = label_of(picture, (picture.width, picture.height)) if picture.label is not None else None
        self._find_ice_servers = client.ice_servers if find_ice_servers is None else find_ice_servers
        self._first: Future[None] = Future()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="avatar-uplink")
        self._thread = DeviceThread("server", self._live, self._on_state)
        self._call: CameraCall | None = None
        """The call that goes on; None while there is none."""
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
        call = self._call
        if call is not None:
            with contextlib.suppress(FrameError, av.FFmpegError, ValueError):
                call.show(Picture(capture.arrival_s - self._begin_s, camera_i420(frame), capture))

    def push_audio(self, frame: av.AudioFrame, received_s: float) -> None:
        """Send sound."""
        call = self._call
        if call is not None and self._drive != "camera":
            call.push_audio(frame, received_s)

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
            self._picture = replace(self._picture, background=background)
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
        call = self._call
        if call is not None:
            call.end()
        self._thread.stop()
        self._pool.shutdown(wait=False)

    # The thread

    def _live(self, thread: DeviceThread) -> None:
        try:
            asyncio.run(self._draw(thread))
        except AvatarError as error:
            if not self._first.done():
                thread.stopping.set()  # what is wrong at the start is the caller's to mend
                self._first.set_exception(error)
                return
            raise DeviceError(str(error)) from error

    async def _draw(self, thread: DeviceThread) -> None:
        """Make a call and pass its pictures on until the drawing is stopped. Raises AvatarError: it is over before."""
        call = CameraCall(
            self._client,
            fps=self._picture.fps,
            pool=self._pool,
            ice_servers=await asyncio.to_thread(self._find_ice_servers),
            on_picture=self._show,
            on_sight=self._see,
            on_note=self._on_note,
        )
        try:
            picture = await asyncio.to_thread(self._client.name_picture, self._picture)
            await call.connect({"avatar": self._face, "drive": self._drive, **picture})
            self._call = call
            await call.wait_for_picture()
            thread.works()
            if not self._first.done():
                self._first.set_result(None)
            if not thread.stopping.is_set():
                await call.hold()
        finally:
            self._call = None
            await call.close()

    def _show(self, rgb: U8, capture: CaptureStamp | None) -> None:
        size = (self._picture.width, self._picture.height)
        if (rgb.shape[1], rgb.shape[0]) != size:  # from a server that is short of time; the device takes one size
            rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        if self._label is not None:
            self._label.lay(rgb)
        sound_s = None if capture is None else capture.arrival_s
        self._on_picture(Picture(time.monotonic() - self._begin_s, to_i420(rgb), capture, sound_s))

    def _see(self, sight: FaceSight) -> None:
        self._sight = sight

    def _ask(self, request: Request) -> None:
        """Send a request, unless there is no call just now."""
        call = self._call
        if call is not None:
            call.ask(request)

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

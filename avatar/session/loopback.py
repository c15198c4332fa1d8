"""A session with nothing in between: the camera's pictures go back as they are, to measure the transport alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import av

from avatar.errors import FrameError
from avatar.media.colour import camera_rgb, to_i420
from avatar.session.protocol import CameraFrame, SessionEvent, SessionFailed, SessionStats, UndrivenSession
from avatar.timing.latest_slot import LatestSlot
from avatar.timing.meters import StageMeter
from avatar.timing.stage_thread import StageThread
from avatar.types import CaptureStamp, Picture


class LoopbackSession(UndrivenSession):
    """Returns the camera's pictures. `start` and `stop` once each; every other method from any thread."""

    def __init__(self, *, on_picture: Callable[[Picture], None], on_event: Callable[[SessionEvent], None]) -> None:
        self._on_picture = on_picture
        self._camera: LatestSlot[CameraFrame] = LatestSlot()
        self._bad_frames = 0
        self._watched = True
        self._meter = StageMeter()
        self._begin_s = time.monotonic()
        self._thread = StageThread("echo", self._run, lambda why: on_event(SessionFailed(why)))

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def push_camera(self, frame: av.VideoFrame, capture: CaptureStamp) -> None:
        """Offer a camera frame to send back."""
        self._camera.put(CameraFrame(frame, capture))

    def set_watched(self, watched: bool) -> None:
        """Send camera frames back, or none."""
        self._watched = watched

    def stats(self) -> SessionStats:
        """Return how many camera frames came and were dropped."""
        dropped = self._camera.dropped + self._bad_frames
        return SessionStats(self._meter.rate("picture", time.monotonic()), {}, dropped, "none")

    def stop(self) -> None:
        """End the thread. May be called again."""
        self._camera.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._camera.closed:
            arrived = self._camera.take()
            if arrived is None or not self._watched:
                continue
            try:
                i420 = to_i420(camera_rgb(arrived.frame))
            except FrameError:
                self._bad_frames += 1
                continue
            self._meter.tick("picture", time.monotonic())
            self._on_picture(Picture(arrived.capture.arrival_s - self._begin_s, i420, arrived.capture))

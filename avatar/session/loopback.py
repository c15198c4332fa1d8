"""A session with nothing in between: the camera's pictures go back as they are, to measure the transport alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import av

from avatar.errors import FrameError
from avatar.media.colour import camera_rgb, to_i420
from avatar.session.protocol import CameraFrame, SessionEvent, SessionStats, Unsteered
from avatar.timing.latest_slot import LatestSlot
from avatar.timing.meters import StageMeter
from avatar.types import Picture

JOIN_TIMEOUT_S: Final = 5.0


class EchoSession(Unsteered):
    """Returns the camera's pictures. `start` and `stop` once each; every other method from any thread."""

    def __init__(
        self, *, on_picture: Callable[[Picture], None], on_event: Callable[[SessionEvent], None] | None = None
    ) -> None:
        del on_event  # an echo has nothing to tell
        self._on_picture = on_picture
        self._camera: LatestSlot[CameraFrame] = LatestSlot()
        self._bad_frames = 0
        self._watched = True
        self._meter = StageMeter()
        self._begin_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="avatar-echo", daemon=True)

    def start(self) -> None:
        """Start the echo's thread."""
        self._thread.start()

    def push_camera(self, frame: av.VideoFrame, received_s: float) -> None:
        """Offer a camera frame to send back."""
        self._camera.put(CameraFrame(frame, received_s))

    def set_watched(self, watched: bool) -> None:
        """Send camera frames back, or none."""
        self._watched = watched

    def stats(self) -> SessionStats:
        """Return how the echo does."""
        fps = self._meter.rate("picture", time.monotonic())
        dropped = self._camera.dropped + self._bad_frames
        return SessionStats(fps, fps, {}, dropped, "none", self._meter.median_s("latency"), -120.0)

    def stop(self) -> None:
        """End the echo's thread."""
        self._camera.close()
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

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
            now_s = time.monotonic()
            self._meter.tick("picture", now_s)
            self._meter.add("latency", now_s - arrived.received_s)
            self._on_picture(Picture(arrived.received_s - self._begin_s, i420, arrived.frame.pts))

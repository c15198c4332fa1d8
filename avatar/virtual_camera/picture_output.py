"""Pictures on their way to a virtual camera: the newest wins, and the device is never left without one.

A picture leaves as soon as it is drawn, but not more often than the device was opened for. Where none comes for a
while, the last one is sent again: programs take a camera that falls silent for one that has gone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, Protocol

from avatar.timing import pacing
from avatar.timing.latest_slot import LatestSlot
from avatar.timing.meters import StageMeter
from avatar.timing.stage_thread import StageThread
from avatar.types import U8, Picture

REPEAT_AFTER: Final = 2.0
"""Pictures' times without a new picture after which the last one is sent again."""
LATENCIES_KEPT: Final = 90
"""Three seconds of pictures."""


@dataclass(frozen=True, slots=True)
class OutputFigures:
    """How pictures leave, over the last seconds."""

    fps: float
    latency_ms: float | None
    """Median time from a camera frame's coming to its picture's leaving; None where no camera moves the avatar."""
    latency_ms_p95: float | None
    sent: int
    """New pictures since the start."""
    repeated: int
    """How often the last one was sent again."""
    dropped: int
    """Pictures that a newer one overtook, or that came more often than the device takes them."""


class PictureSink(Protocol):
    """What pictures are sent to; `VirtualCamera` is one."""

    def send(self, i420: U8) -> None:
        """Send a picture. May block for as long as the device takes; raises DeviceError."""


class PictureOutput:
    """Sends pictures in a thread. `start` and `stop` once each; `show` from any thread."""

    def __init__(
        self,
        sink: PictureSink,
        fps: int,
        *,
        on_sent: Callable[[Picture, float], None],
        on_failure: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to send at most `fps` pictures a second.

        Args:
            sink: takes them.
            fps: what it was opened for.
            on_sent: is told each new picture and when it had left (as `clock`), in the thread.
            on_failure: is told why sending has ended for good, in the thread.
            clock: seconds, as time.monotonic().
        """
        self._sink, self._fps, self._on_sent, self._clock = sink, fps, on_sent, clock
        self._pictures: LatestSlot[Picture] = LatestSlot()
        self._meter = StageMeter()
        self._lock = threading.Lock()
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._sent = self._repeated = self._early = 0
        self._last: Picture | None = None
        self._thread = StageThread("virtual-camera", self._send_pictures, on_failure)

    @property
    def last(self) -> Picture | None:
        """The picture that the device shows."""
        return self._last

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def show(self, picture: Picture) -> None:
        """Send this picture next; never blocks."""
        self._pictures.put(picture)

    def figures(self) -> OutputFigures:
        """Return how pictures leave."""
        with self._lock:
            latencies = [1e3 * one for one in self._latencies_s]
        return OutputFigures(
            fps=self._meter.rate("sent", self._clock()),
            latency_ms=median(latencies) if latencies else None,
            latency_ms_p95=quantiles(latencies, n=20)[-1] if len(latencies) > 1 else None,
            sent=self._sent,
            repeated=self._repeated,
            dropped=self._pictures.dropped + self._early,
        )

    def stop(self) -> None:
        """End the thread."""
        self._pictures.close()
        self._thread.join()

    def _send_pictures(self) -> None:
        due_s: float | None = None
        while not self._pictures.closed:
            picture = self._pictures.take(REPEAT_AFTER / self._fps)
            if picture is None:
                if self._last is not None and not self._pictures.closed:
                    self._sink.send(self._last.i420)
                    self._repeated += 1
                continue
            following_s = pacing.next_due(self._clock(), due_s, self._fps)
            if following_s is None:
                self._early += 1
                continue
            due_s = following_s
            self._sink.send(picture.i420)
            self._note(picture)

    def _note(self, picture: Picture) -> None:
        now_s = self._clock()
        self._last, self._sent = picture, self._sent + 1
        self._meter.tick("sent", now_s)
        with self._lock:
            if picture.capture is not None:
                self._latencies_s.append(now_s - picture.capture.arrival_s)
            else:
                self._latencies_s.clear()
        self._on_sent(picture, now_s)

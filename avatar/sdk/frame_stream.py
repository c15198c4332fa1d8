"""Stream of an avatar's frames: each tick of the queue, when it is due, as a picture and then its sound."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable

import numpy as np

from avatar.errors import AvatarError
from avatar.sdk.events import EventLog
from avatar.sdk.frame_queue import FrameQueue, TakenTick
from avatar.sdk.frames import AudioFrame, Frame, VideoFrame
from avatar.sdk.speech_playout import Tick
from avatar.types import U8


class FrameStream:
    """Takes the ticks of one avatar. Use on its event loop."""

    def __init__(self, queue: FrameQueue, events: EventLog, *, on_taken: Callable[[], None]) -> None:
        """Take from `queue` and report to `events`.

        Args:
            queue: has the ticks.
            events: has what is to go with the next frame of sound.
            on_taken: called when sound was handed over, or none will be any more.
        """
        self._queue, self._events, self._on_taken = queue, events, on_taken
        self._taking = asyncio.Lock()
        self._news = asyncio.Event()
        """Set when a tick may be ready, or none will be any more."""
        self._half: Tick | None = None
        """The tick whose picture was taken and whose sound was not."""

    def attach(self) -> None:
        """Listen to the queue from now on, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._wake

    def check_loop(self) -> None:
        """Raise AvatarError on another event loop than the stream was attached on: there one would wait for ever."""
        if asyncio.get_running_loop() is not self._loop:
            raise AvatarError(
                "This avatar was opened on another event loop: open it, give it sound and take its frames on one, "
                "within one asyncio.run.",
                code="other_loop",
            )

    async def take(self, lead_s: float) -> Frame:
        """Return the next frame when it is due. The frame clock begins with the first call.

        Args:
            lead_s: how long before it is due a tick is planned now.

        Raises:
            StopAsyncIteration: the queue was closed.
            AvatarError: drawing has failed for good, or this is another event loop.
        """
        self.check_loop()
        async with self._taking:
            if self._queue.closed:
                raise StopAsyncIteration
            if self._half is not None:
                tick, self._half = self._half, None
                return self._sound_of(tick)
            taken = await self._take_tick(lead_s)
            if taken.rgb is None:
                return self._sound_of(taken.tick)
            self._half = taken.tick
            return _video_frame(taken.tick.start / self._queue.playout.rate, taken.rgb)

    async def _take_tick(self, lead_s: float) -> TakenTick:
        self._queue.begin(lead_s)
        while True:
            self._queue.raise_failure()
            if self._queue.closed:
                raise StopAsyncIteration
            self._news.clear()
            now_s = time.monotonic()
            taken = self._queue.take(now_s)
            if isinstance(taken, TakenTick):
                self._events.note_lateness(taken, now_s)
                return taken
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the news.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(taken) else taken):
                    await self._news.wait()

    def _sound_of(self, tick: Tick) -> AudioFrame:
        playout = self._queue.playout
        delivery = playout.hand_over(tick, time.monotonic())
        for event in delivery.events:
            self._events.add(event)
        self._on_taken()
        time_s = tick.start / playout.rate
        return AudioFrame(time_s, delivery.samples, playout.rate, delivery.spoken, self._events.drain())

    def _wake(self) -> None:
        """Wake the event loop, from any thread, unless it has gone."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_news)

    def _on_news(self) -> None:
        self._news.set()
        if self._queue.failure is not None or self._queue.closed:
            self._on_taken()


def _video_frame(time_s: float, drawn: U8) -> VideoFrame:
    """Return the frame of a picture as a generator draws it, with three channels or with four."""
    if drawn.shape[2] == 3:
        return VideoFrame(time_s, drawn)
    return VideoFrame(time_s, np.ascontiguousarray(drawn[..., :3]), rgba=drawn)

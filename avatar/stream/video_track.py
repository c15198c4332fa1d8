"""The avatar's picture on its way out: the newest finished picture, encoded in our own threads, packet by packet."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from avatar.errors import FrameError
from avatar.stream.codecs.video_encoder import EncodedPicture, VideoEncoder
from avatar.stream.rtp.key_frames import KeyFrameRule
from avatar.timing.concurrency_limit import picture_work
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks, wrapped
from avatar.types import U8, Picture

logger = logging.getLogger(__name__)

FAILURES_TOLERATED: Final = 30
"""Pictures in a row that may fail to encode before sending ends: one second."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """One picture handed to the network."""

    picture: Picture
    rtp_time: int | None
    """Its RTP timestamp as on the wire: 90 kHz, 32 bits; None until two pictures have left."""
    encode_s: float
    size_bytes: int
    key: bool
    sent_s: float
    """time.monotonic() when it was handed over."""
    age_s: float = 0.0
    """How long it had waited when its encoding began."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One picture to encode."""

    picture: Picture
    pts: int
    key: bool
    begin_s: float
    """time.perf_counter()."""
    age_s: float


class AvatarVideoTrack(MediaStreamTrack):
    """Holds one picture, the newest; encodes it when aiortc asks for the next packet.

    Encoding runs in the pool handed in, not in asyncio's default one, which any library may fill with slow work. A
    picture that is waited for goes there straight from the thread that shows it: the event loop hears of it once it is
    encoded.
    """

    kind = "video"

    def __init__(
        self,
        encoder: VideoEncoder,
        *,
        pool: Executor,
        target_bps: Callable[[], int],
        last_rtp_time: Callable[[], int],
        on_sent: Callable[[SentPicture], None],
        wait_s: Callable[[], float] = lambda: 0.0,
        pixels: Callable[[Picture], U8] = lambda picture: picture.i420,
    ) -> None:
        """Send what is shown.

        Args:
            encoder: of the codec that was agreed on.
            pool: its threads encode.
            target_bps: returns the rate wanted now, bits per second; in any thread.
            last_rtp_time: returns the RTP timestamp of the last packet that aiortc has put on the wire.
            on_sent: is told each picture that leaves, on the event loop.
            wait_s: returns how many seconds nothing may leave; the picture that is the newest by then is encoded. In
                any thread.
            pixels: returns what of a picture is encoded, in the pool.
        """
        super().__init__()
        self._encoder = encoder
        self._pool = pool
        self._target_bps = target_bps
        self._last_rtp_time = last_rtp_time
        self._on_sent, self._wait_s, self._pixels = on_sent, wait_s, pixels
        self._event_loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        """Of what follows, down to the last times."""
        self._newest: Picture | None = None
        self._shown_s = 0.0
        self._asked: asyncio.Future[_Outcome] | None = None
        """Waits for a picture, which may be encoded at once."""
        self._keys = KeyFrameRule()
        self._origin_s: float | None = None
        self._last_pts = -1
        self._outcome: asyncio.Future[_Outcome] | None = None
        """What `recv` waits for."""
        self._last_sent_pts: int | None = None
        self._rtp_origin: int | None = None
        self._failures = 0
        self.dropped = 0
        """Pictures replaced by a newer one, or not encodable, before they could leave."""
        self.failure: str | None = None
        """Why sending has ended, when the encoder is to blame."""

    def show(self, picture: Picture) -> None:
        """Make this the next picture to leave. Any thread; never blocks."""
        with self._lock:
            if self._newest is not None:
                self.dropped += 1
            self._newest, self._shown_s = picture, time.perf_counter()
            if self._asked is None:
                return
            asked, self._asked = self._asked, None
            job = self._take() if self._wait_s() <= 0 else None
        try:
            if job is None:  # the line has become full meanwhile
                self._event_loop.call_soon_threadsafe(_settle, asked, None)
            else:
                self._pool.submit(self._encode, asked, job)
        except RuntimeError:  # loop or pool has been closed under a session that is still stopping
            logger.debug("a picture came after the event loop was closed")

    def request_key_frame(self) -> None:
        """Make one of the next pictures one that a decoder can start with."""
        with self._lock:
            self._keys.ask()

    async def recv(self) -> av.Packet[Any]:
        """Return the next encoded picture; waits for one. Raises MediaStreamError once the track has ended."""
        while True:
            wait_s = self._wait_s()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if self.readyState != "live":
                raise MediaStreamError
            outcome = await self._next()
            packet = None if outcome is None else self._packet(outcome)
            if packet is not None:
                return packet

    def stop(self) -> None:
        """End the track; a waiting `recv` raises. Idempotent."""
        super().stop()
        if self._outcome is not None:
            _settle(self._outcome, None)

    async def _next(self) -> _Outcome:
        """Have the newest picture encoded, or the next one where there is none."""
        asked: asyncio.Future[_Outcome] = self._event_loop.create_future()
        self._outcome = asked
        with self._lock:
            job = self._take() if self._newest is not None else None
            self._asked = asked if job is None else None
        if job is not None:
            self._pool.submit(self._encode, asked, job)
        return await asked

    def _take(self) -> _Job | None:
        picture, self._newest = self._newest, None
        if picture is None:
            return None
        if self._origin_s is None:
            self._origin_s = picture.time_s
        self._last_pts = max(video_ticks(picture.time_s - self._origin_s), self._last_pts + 1)
        now_s = time.perf_counter()
        key = self._keys.is_due(time.monotonic())
        return _Job(picture, self._last_pts, key, now_s, max(now_s - self._shown_s, 0.0))

    def _encode(self, asked: asyncio.Future[_Outcome], job: _Job) -> None:
        """Encode a picture, in the pool, and hand it to `recv`."""
        outcome: EncodedPicture | Exception
        try:
            with picture_work().held():
                pixels = self._pixels(job.picture)
                outcome = self._encoder.encode(pixels, job.pts, bitrate_bps=self._target_bps(), key=job.key)
        except Exception as error:  # the event loop tells which of them end the track
            outcome = error
        try:
            self._event_loop.call_soon_threadsafe(_settle, asked, (job, outcome))
        except RuntimeError:
            logger.debug("a picture was encoded after the event loop was closed")

    def _packet(self, done: tuple[_Job, EncodedPicture | Exception]) -> av.Packet[Any] | None:
        job, encoded = done
        if isinstance(encoded, Exception):
            self._note_failure(job, encoded)
            return None
        self._failures = 0
        encode_s = time.perf_counter() - job.begin_s
        if encoded.key:
            with self._lock:
                self._keys.sent(time.monotonic(), len(encoded.data), self._target_bps())
        rtp_time = self._rtp_time(job.pts)
        if encoded.data:
            self._last_sent_pts = job.pts
        self._on_sent(
            SentPicture(job.picture, rtp_time, encode_s, len(encoded.data), encoded.key, time.monotonic(), job.age_s)
        )
        if not encoded.data:
            return None
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = job.pts, VIDEO_TIME_BASE
        return packet

    def _note_failure(self, job: _Job, error: Exception) -> None:
        if not isinstance(error, (av.FFmpegError, FrameError)):
            raise error
        self.dropped += 1
        if job.key:
            self.request_key_frame()
        self._failures += 1
        if self._failures == 1:
            logger.warning("a picture could not be encoded: %s", error)
        if self._failures >= FAILURES_TOLERATED:
            self.failure = f"The picture could not be encoded {self._failures} times in a row: {error}"
            raise MediaStreamError from error

    def _rtp_time(self, pts: int) -> int | None:
        if self._rtp_origin is None and self._last_sent_pts is not None:
            # The picture before this one has left: what aiortc added to its timestamp it adds to all.
            self._rtp_origin = wrapped(self._last_rtp_time() - self._last_sent_pts)
        return None if self._rtp_origin is None else wrapped(self._rtp_origin + pts)


_Outcome: TypeAlias = tuple[_Job, EncodedPicture | Exception] | None
"""What has become of a picture; None: there is none, look again."""


def _settle(asked: asyncio.Future[_Outcome], outcome: _Outcome) -> None:
    if not asked.done():
        asked.set_result(outcome)

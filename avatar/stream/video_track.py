"""The avatar's picture on its way out: the newest finished picture, encoded in our own threads, packet by packet."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from avatar.errors import FrameError
from avatar.stream.key_frames import KeyFrameRule
from avatar.stream.video_encoder import EncodedPicture, VideoEncoder
from avatar.timing.rtp_clock import VIDEO_TIME_BASE, video_ticks, wrapped
from avatar.types import Picture

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


class AvatarVideoTrack(MediaStreamTrack):
    """Holds one picture, the newest; encodes it when aiortc asks for the next packet.

    Encoding runs in the pool handed in, not in asyncio's default one, which any library may fill with slow work.
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
    ) -> None:
        """Send what is shown.

        Args:
            encoder: of the codec that was agreed on.
            pool: its threads encode.
            target_bps: returns the rate wanted now, bits per second.
            last_rtp_time: returns the RTP timestamp of the last packet that aiortc has put on the wire.
            on_sent: is told each picture that leaves, on the event loop.
            wait_s: returns how many seconds nothing may leave; the picture that is the newest by then is encoded.
        """
        super().__init__()
        self._encoder = encoder
        self._pool = pool
        self._target_bps = target_bps
        self._last_rtp_time = last_rtp_time
        self._on_sent, self._wait_s = on_sent, wait_s
        self._event_loop = asyncio.get_running_loop()
        self._slot_lock = threading.Lock()
        self._newest: Picture | None = None
        self._shown_s = 0.0
        self._available = asyncio.Event()
        self._wake_pending = False
        self._keys = KeyFrameRule()
        self._origin_s: float | None = None
        self._last_pts = -1
        self._last_sent_pts: int | None = None
        self._rtp_origin: int | None = None
        self._failures = 0
        self.dropped = 0
        """Pictures replaced by a newer one, or not encodable, before they could leave."""
        self.failure: str | None = None
        """Why sending has ended, when the encoder is to blame."""

    def show(self, picture: Picture) -> None:
        """Make this the next picture to leave. Any thread; never blocks."""
        with self._slot_lock:
            if self._newest is not None:
                self.dropped += 1
            self._newest, self._shown_s = picture, time.perf_counter()
            if self._wake_pending:
                return
            self._wake_pending = True
        try:
            self._event_loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop has been closed under a session that is still stopping
            logger.debug("a picture came after the event loop was closed")

    def request_key_frame(self) -> None:
        """Make one of the next pictures one that a decoder can start with."""
        self._keys.ask()

    async def recv(self) -> av.Packet[Any]:
        """Return the next encoded picture; waits for one. Raises MediaStreamError once the track has ended."""
        while True:
            await self._available.wait()
            await asyncio.sleep(self._wait_s())
            if self.readyState != "live":
                raise MediaStreamError
            picture = self._take()
            if picture is None:
                continue
            encoded = await self._encode(picture)
            if encoded is not None:
                packet = av.Packet(encoded.data)
                packet.pts = self._last_pts
                packet.time_base = VIDEO_TIME_BASE
                return packet

    def stop(self) -> None:
        """End the track; a waiting `recv` raises. Idempotent."""
        super().stop()
        self._available.set()

    def _wake(self) -> None:
        with self._slot_lock:
            self._wake_pending = False
        self._available.set()

    def _take(self) -> Picture | None:
        with self._slot_lock:
            picture, self._newest = self._newest, None
        self._available.clear()
        return picture

    async def _encode(self, picture: Picture) -> EncodedPicture | None:
        pts = self._next_pts(picture.time_s)
        key = self._keys.is_due(time.monotonic())
        started_s = time.perf_counter()
        age_s = max(started_s - self._shown_s, 0.0)
        try:
            encoded = await self._event_loop.run_in_executor(self._pool, self._encode_now, picture, pts, key)
        except (av.FFmpegError, FrameError) as error:
            self.dropped += 1
            if key:
                self._keys.ask()
            self._failures += 1
            if self._failures == 1:
                logger.warning("a picture could not be encoded: %s", error)
            if self._failures >= FAILURES_TOLERATED:
                self.failure = f"The picture could not be encoded {self._failures} times in a row: {error}"
                raise MediaStreamError from error
            return None
        self._failures = 0
        encode_s = time.perf_counter() - started_s
        if encoded.key:
            self._keys.sent(time.monotonic(), len(encoded.data), self._target_bps())
        rtp_time = self._rtp_time(pts)
        if encoded.data:
            self._last_sent_pts = pts
        sent_s = time.monotonic()
        self._on_sent(SentPicture(picture, rtp_time, encode_s, len(encoded.data), encoded.key, sent_s, age_s))
        return encoded if encoded.data else None

    def _encode_now(self, picture: Picture, pts: int, key: bool) -> EncodedPicture:
        return self._encoder.encode(picture.i420, pts, bitrate_bps=self._target_bps(), key=key)

    def _rtp_time(self, pts: int) -> int | None:
        if self._rtp_origin is None and self._last_sent_pts is not None:
            # The picture before this one has left: what aiortc added to its timestamp it adds to all.
            self._rtp_origin = wrapped(self._last_rtp_time() - self._last_sent_pts)
        return None if self._rtp_origin is None else wrapped(self._rtp_origin + pts)

    def _next_pts(self, time_s: float) -> int:
        if self._origin_s is None:
            self._origin_s = time_s
        self._last_pts = max(video_ticks(time_s - self._origin_s), self._last_pts + 1)
        return self._last_pts

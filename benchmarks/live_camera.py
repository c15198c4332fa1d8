"""A camera that follows its line and what the server asks of it, as a browser's does."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import av
import cv2
import numpy as np
from aiortc import RTCPeerConnection
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from avatar.media.colour import to_i420
from avatar.stream.codecs.h264 import X264Encoder
from avatar.stream.codecs.video_encoder import CodecName, VideoEncoder
from avatar.stream.codecs.vp8 import LibvpxEncoder
from avatar.stream.rtp.key_frames import KeyFrameRule
from avatar.stream.rtp.paced_sender import PacedSender
from avatar.stream.rtp.rate_control import RateLimits, RateState, is_sharp_fall, next_rate
from avatar.stream.tuning.sender_tuning import tune_video_sender
from avatar.timing.quality_ladder import LADDER
from avatar.timing.rtp_clock import VIDEO_RATE, VIDEO_TIME_BASE
from benchmarks.call_media import CAMERA, FPS, Camera

MAX_BPS: Final = 1_500_000
MIN_BPS: Final = 50_000
START_BPS: Final = 1_000_000
FULL_SIZE: Final = (CAMERA.width, CAMERA.height)


class LiveCamera(Camera):
    """Encodes pictures as they leave, at the bit rate that the receiver's reports allow."""

    def __init__(self, pictures: list[np.ndarray], codec: CodecName = "h264") -> None:
        """Show (480, 640, 3) RGB pictures there and back for ever."""
        super().__init__()
        sizes = {FULL_SIZE, *((level.camera.width, level.camera.height) for level in LADDER)}
        # Made beforehand, so that the client's own work does not disturb what is measured.
        self._pictures = {size: [_resized(rgb, size) for rgb in [*pictures, *pictures[-2:0:-1]]] for size in sizes}
        self._size, self._fps = FULL_SIZE, FPS
        self._codec = codec
        self._encoder: VideoEncoder = (X264Encoder if codec == "h264" else LibvpxEncoder)(
            max_bitrate_bps=MAX_BPS, fps=FPS
        )
        self._limits = RateLimits(MIN_BPS, MAX_BPS)
        self._rate = RateState(START_BPS, time.monotonic())
        self._keys = KeyFrameRule()
        self._round_trip_s: float | None = None
        self._tick = 0
        self._begin_s: float | None = None
        self._last_report: object = None
        self.bitrates: list[tuple[float, float]] = []
        """(time, bits a second) that the camera was allowed, once a second."""

    def follow(self, connection: RTCPeerConnection) -> None:
        """Hear the receiver's reports; call it before the connection is up."""
        sender = next(one.sender for one in connection.getTransceivers() if one.kind == "video")
        direct = tune_video_sender(
            sender, self._codec, on_estimate=self._on_estimate, on_key_frame_request=self._keys.ask
        )
        self._paced = PacedSender(
            sender,
            direct,
            rate_bps=lambda: self._rate.target_bps,
            round_trip_s=lambda: self._round_trip_s,
            on_narrow=self._on_narrow,
        )

    async def read_reports(self, connection: RTCPeerConnection) -> None:
        """Follow losses too, until cancelled; call it once all is agreed on."""
        while True:
            await asyncio.sleep(1.0)
            lost = None
            for entry in (await connection.getStats()).values():
                if isinstance(entry, RTCRemoteInboundRtpStreamStats) and entry.kind == "video":
                    lost = entry.fractionLost / 256 if entry.timestamp != self._last_report else None
                    self._last_report, self._round_trip_s = entry.timestamp, entry.roundTripTime
            self._change_rate(fraction_lost=lost)
            self.bitrates.append((time.monotonic(), self._rate.target_bps))

    def obey(self, message: dict[str, Any]) -> None:
        """Do what the server's `camera` message asks for."""
        self._size, self._fps = (message["width"], message["height"]), message["fps"]
        self._limits = RateLimits(MIN_BPS, int(message["max_bitrate_bps"]))

    async def recv(self) -> av.Packet[Any]:
        """Return the next picture when it is due; those that have missed their time are left out."""
        self._begin_s = time.monotonic() if self._begin_s is None else self._begin_s
        await asyncio.sleep(self._paced.wait_s())
        self._tick += max(1, round(FPS / self._fps))
        self._tick = max(self._tick, int((time.monotonic() - self._begin_s) * FPS))
        await asyncio.sleep(max(self._begin_s + self._tick / FPS - time.monotonic(), 0))
        pictures = self._pictures[self._size]
        pts = self._tick * VIDEO_RATE // FPS
        key = self._keys.is_due(time.monotonic())
        encoded = await asyncio.to_thread(
            self._encoder.encode,
            pictures[self._tick % len(pictures)],
            pts,
            bitrate_bps=int(self._rate.target_bps),
            key=key,
        )
        if encoded.key:
            self._paced.forget()
            self._keys.sent(time.monotonic(), len(encoded.data), self._rate.target_bps)
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = pts, VIDEO_TIME_BASE
        self.sent_s[pts] = time.monotonic()
        return packet

    def _on_estimate(self, estimate_bps: int) -> None:
        before = self._rate
        self._change_rate(estimate_bps=estimate_bps)
        if is_sharp_fall(before, self._rate, self._paced.sent_bps()) and self._paced.make_room():
            self._keys.ask()

    def _on_narrow(self, carried_bps: float | None) -> None:
        self._change_rate(carried_bps=carried_bps)
        self._paced.make_room()
        self._keys.ask()

    def _change_rate(self, **reports: float | None) -> None:
        sent_bps = self._paced.sent_bps()
        self._rate = next_rate(self._rate, time.monotonic(), self._limits, sent_bps=sent_bps, **reports)


def _resized(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an RGB picture in another size as planar YUV 4:2:0."""
    return to_i420(rgb if size == FULL_SIZE else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8))

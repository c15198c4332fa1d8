"""VP8 for peers that offer no H.264: constant bitrate, real-time settings."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from avatar.stream.h264 import picture_size
from avatar.stream.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8

LOWER_SHARE: Final = 0.08
HIGHER_SHARE: Final = 0.25
"""libvpx does not follow a new bitrate through FFmpeg: it is re-opened, at the price of a key frame, when the wanted
rate has moved by such a share. Soon on the way down, where more than the path carries is sent; on the way up the
picture is only softer than it could be, and the rate rises by 8 % a second at most."""


class LibvpxEncoder:
    """libvpx through PyAV, with the settings WebRTC uses for talking heads."""

    def __init__(self, *, max_bitrate_bps: int, fps: int) -> None:
        self._max_bitrate_bps = max_bitrate_bps
        self._fps = fps
        self._context: VideoCodecContext | None = None
        self._opened_bps = 0

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture; see `VideoEncoder.encode`."""
        width, height = picture_size(i420)
        wanted = min(bitrate_bps, self._max_bitrate_bps)
        if (
            self._context is None
            or (self._context.width, self._context.height) != (width, height)
            or not (1 - LOWER_SHARE) * self._opened_bps <= wanted <= (1 + HIGHER_SHARE) * self._opened_bps
        ):
            self._context = self._open(width, height, wanted)
            self._opened_bps = wanted
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(i420), format="yuv420p")
        frame.pts = pts
        frame.time_base = VIDEO_TIME_BASE
        frame.pict_type = PictureType.I if key else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except av.FFmpegError:
            self._context = None
            raise
        return EncodedPicture(b"".join(bytes(packet) for packet in packets), any(p.is_keyframe for p in packets))

    def _open(self, width: int, height: int, bitrate_bps: int) -> VideoCodecContext:
        context = av.CodecContext.create("libvpx", "w")
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.time_base = VIDEO_TIME_BASE
        context.framerate = Fraction(self._fps, 1)
        context.bit_rate = bitrate_bps
        context.gop_size = 3000
        context.qmin = 2
        context.qmax = 56
        context.thread_count = 1 if width * height <= 640 * 480 else min(2, os.cpu_count() or 1)
        context.options = {
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            "minrate": str(bitrate_bps),
            "maxrate": str(bitrate_bps),
            "bufsize": str(bitrate_bps // 2),
            # A key frame may take as much as so many per cent of a picture's share, or it takes a narrow line a second.
            "max-intra-rate": "400",
            "static-thresh": "1",
            "error-resilient": "default",
        }
        return context

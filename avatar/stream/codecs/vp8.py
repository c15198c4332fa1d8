"""VP8 for peers that offer no H.264: constant bitrate, real-time settings."""

from __future__ import annotations

import os
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from avatar.stream.codecs.encoder_rates import is_worth_a_key_frame
from avatar.stream.codecs.picture_encoding import encode_picture, picture_size
from avatar.stream.codecs.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8


class LibvpxEncoder:
    """libvpx through PyAV, with the settings WebRTC uses for talking heads.

    It does not follow a new bit rate through FFmpeg: it is opened anew, at the price of a key frame.
    """

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
            or is_worth_a_key_frame(self._opened_bps, wanted)
        ):
            self._context = self._open(width, height, wanted)
            self._opened_bps = wanted
        try:
            return encode_picture(self._context, i420, pts, key=key)
        except av.FFmpegError:
            self._context = None
            raise

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

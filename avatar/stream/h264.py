"""H.264 on the CPU, tuned for a live face: a millisecond a picture at 512x512, never re-opened while the rate moves."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from avatar.errors import FrameError
from avatar.stream.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8


class X264Encoder:
    """libx264 through PyAV: ultrafast, zerolatency, constrained baseline, one slice, one thread, no periodic key frame.

    It is opened as constant bitrate at the ceiling, because libx264 then follows `bit_rate` down and up live; opened
    any other way a change is ignored or needs a new encoder, which costs a key frame.
    """

    def __init__(self, *, max_bitrate_bps: int, fps: int) -> None:
        self._max_bitrate_bps = max_bitrate_bps
        self._fps = fps
        self._context: VideoCodecContext | None = None

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture; see `VideoEncoder.encode`."""
        width, height = picture_size(i420)
        if self._context is None or (self._context.width, self._context.height) != (width, height):
            self._context = self._open(width, height)
        context = self._context
        wanted = min(bitrate_bps, self._max_bitrate_bps)
        if context.bit_rate != wanted:
            context.bit_rate = wanted
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(i420), format="yuv420p")
        frame.pts = pts
        frame.time_base = VIDEO_TIME_BASE
        frame.pict_type = PictureType.I if key else PictureType.NONE
        try:
            packets = context.encode(frame)
        except av.FFmpegError:
            self._context = None  # a failed encoder does not recover; the next picture opens a fresh one
            raise
        return EncodedPicture(b"".join(bytes(packet) for packet in packets), any(p.is_keyframe for p in packets))

    def _open(self, width: int, height: int) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.time_base = VIDEO_TIME_BASE
        context.framerate = Fraction(self._fps, 1)
        context.bit_rate = self._max_bitrate_bps
        context.thread_count = 1
        context.profile = "Baseline"
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "level": "31",  # what the offer's 42e01f says: up to 1280x720 (or 720x1280) at 30 pictures a second
            "maxrate": str(self._max_bitrate_bps),
            # A sixth of a second at the ceiling: no key frame grows beyond what a home uplink passes in a moment.
            "bufsize": str(self._max_bitrate_bps // 6),
            # BT.601 limited range is what the pictures are; unsaid, a receiver guesses by size.
            "x264-params": "keyint=infinite:colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv",
        }
        context.open()  # before the first change of `bit_rate`: libx264 must see the ceiling as its constant rate
        return context


def picture_size(i420: U8) -> tuple[int, int]:
    """(width, height) of a planar 4:2:0 picture. Raises FrameError when it is not one with even sides."""
    if i420.ndim != 2 or str(i420.dtype) != "uint8":
        raise FrameError(f"A picture to encode is (height * 3 / 2, width) uint8, not {i420.shape} {i420.dtype}.")
    rows, width = i420.shape
    height = rows * 2 // 3
    if rows % 3 or width % 2 or height % 2 or min(width, height) < 16:
        raise FrameError(f"A picture to encode has even sides of at least 16 pixels, not {width}x{height}.")
    return width, height

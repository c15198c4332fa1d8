"""One planar picture through an open FFmpeg encoder: what all of our picture encoders share."""

from __future__ import annotations

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from avatar.errors import FrameError
from avatar.stream.codecs.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8


def encode_picture(context: VideoCodecContext, i420: U8, pts: int, *, key: bool) -> EncodedPicture:
    """Encode one picture; its data are empty where the encoder keeps it back. Raises av.FFmpegError."""
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(i420), format="yuv420p")
    frame.pts = pts
    frame.time_base = VIDEO_TIME_BASE
    frame.pict_type = PictureType.I if key else PictureType.NONE
    packets = context.encode(frame)
    return EncodedPicture(b"".join(bytes(packet) for packet in packets), any(p.is_keyframe for p in packets))


def picture_size(i420: U8) -> tuple[int, int]:
    """(width, height) of a planar 4:2:0 picture. Raises FrameError when it is not one with even sides."""
    if i420.ndim != 2 or str(i420.dtype) != "uint8":
        raise FrameError(f"A picture to encode is (height * 3 / 2, width) uint8, not {i420.shape} {i420.dtype}.")
    rows, width = i420.shape
    height = rows * 2 // 3
    if rows % 3 or width % 2 or height % 2 or min(width, height) < 16:
        raise FrameError(f"A picture to encode has even sides of at least 16 pixels, not {width}x{height}.")
    return width, height

"""H.264 on the CPU, tuned for a live face: a millisecond a picture at 512x512, never re-opened while the rate moves."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from avatar.errors import FrameError
from avatar.stream.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_RATE, VIDEO_TIME_BASE
from avatar.types import U8

CEILING_STEP: Final = 3
LEAST_CEILING_BPS: Final = 300_000
PACE_SHARE: Final = 0.05
"""Weight of the newest picture in the mean distance of pictures."""
MOST_APART: Final = 2.0
LONGEST_PICTURE_S: Final = 0.35
"""Longest that a picture may take at the rate wanted."""


class X264Encoder:
    """libx264 through PyAV: ultrafast, zerolatency, constrained baseline, one slice, one thread, no periodic key frame.

    It is opened as constant bitrate at a ceiling, because libx264 then follows `bit_rate` down and up live; opened
    any other way a change is ignored or needs a new encoder, which costs a key frame. The largest picture it makes goes
    by that ceiling, whatever the rate: where a key frame is due anyway it is opened anew with a ceiling near the rate,
    or that frame would take a narrow line a second; and again, a step higher, once the rate has grown beyond it.
    """

    def __init__(self, *, max_bitrate_bps: int, fps: int) -> None:
        self._max_bitrate_bps = max_bitrate_bps
        self._fps = fps
        self._context: VideoCodecContext | None = None
        self._ceiling_bps = max_bitrate_bps
        self._pace = PicturePace(fps)

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture; see `VideoEncoder.encode`."""
        width, height = picture_size(i420)
        # Without a delay of a picture libx264 cannot know when the next comes, and takes the rate it was opened for.
        wanted = min(round(bitrate_bps * self._pace.take(pts)), self._max_bitrate_bps)
        context = self._context
        if context is None or (context.width, context.height) != (width, height) or self._has_to_reopen(wanted, key):
            if context is not None:
                self._ceiling_bps = lowest_ceiling_bps(wanted, self._max_bitrate_bps)
            context = self._context = self._open(width, height)
        if context.bit_rate != wanted:
            context.bit_rate = wanted
        encoded = self._encode(context, i420, pts, key=key)
        lower_bps = lowest_ceiling_bps(wanted, self._max_bitrate_bps)
        if 8 * len(encoded.data) <= LONGEST_PICTURE_S * bitrate_bps or lower_bps >= self._ceiling_bps:
            return encoded
        # The rate has just fallen far below the ceiling, which this picture still goes by: it would fill the line.
        self._ceiling_bps = lower_bps
        context = self._context = self._open(width, height)
        context.bit_rate = wanted
        return self._encode(context, i420, pts, key=True)

    def _encode(self, context: VideoCodecContext, i420: U8, pts: int, *, key: bool) -> EncodedPicture:
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

    def _has_to_reopen(self, wanted_bps: int, key: bool) -> bool:
        """Return whether the ceiling is too low, or, before a key frame, another than it should be."""
        if wanted_bps > self._ceiling_bps:
            return True
        return key and self._ceiling_bps != lowest_ceiling_bps(wanted_bps, self._max_bitrate_bps)

    def _open(self, width: int, height: int) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.time_base = VIDEO_TIME_BASE
        context.framerate = Fraction(self._fps, 1)
        context.bit_rate = self._ceiling_bps
        context.thread_count = 1
        context.profile = "Baseline"
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "level": "31",  # what the offer's 42e01f says: up to 1280x720 (or 720x1280) at 30 pictures a second
            "maxrate": str(self._ceiling_bps),
            # A sixth of a second at the ceiling: no key frame grows beyond what the line passes in a moment.
            "bufsize": str(self._ceiling_bps // 6),
            # BT.601 limited range is what the pictures are; unsaid, a receiver guesses by size.
            "x264-params": "keyint=infinite:colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv",
        }
        context.open()  # before the first change of `bit_rate`: libx264 must see the ceiling as its constant rate
        return context


class PicturePace:
    """Measures how much further apart pictures are than at the rate that an encoder was opened for."""

    def __init__(self, fps: int) -> None:
        self._ticks = VIDEO_RATE / fps
        self._apart = 1.0
        self._last: int | None = None

    def take(self, pts: int) -> float:
        """Note a picture's time; return by how much the mean distance of the last ones is larger (1: not at all)."""
        if self._last is not None:
            apart = min(max((pts - self._last) / self._ticks, 1 / MOST_APART), MOST_APART)
            self._apart += PACE_SHARE * (apart - self._apart)
        self._last = pts
        return self._apart


def lowest_ceiling_bps(wanted_bps: int, max_bps: int) -> int:
    """Return the least ceiling above the rate wanted: `max_bps`, a third of it, a ninth and so on."""
    ceiling_bps = max_bps
    while ceiling_bps // CEILING_STEP >= max(wanted_bps, LEAST_CEILING_BPS):
        ceiling_bps //= CEILING_STEP
    return ceiling_bps


def picture_size(i420: U8) -> tuple[int, int]:
    """(width, height) of a planar 4:2:0 picture. Raises FrameError when it is not one with even sides."""
    if i420.ndim != 2 or str(i420.dtype) != "uint8":
        raise FrameError(f"A picture to encode is (height * 3 / 2, width) uint8, not {i420.shape} {i420.dtype}.")
    rows, width = i420.shape
    height = rows * 2 // 3
    if rows % 3 or width % 2 or height % 2 or min(width, height) < 16:
        raise FrameError(f"A picture to encode has even sides of at least 16 pixels, not {width}x{height}.")
    return width, height

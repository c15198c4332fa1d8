"""H.264 on the CPU, tuned for a live face: a millisecond a picture at 512x512, never re-opened while the rate moves."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext

from avatar.stream.codecs.encoder_rates import PicturePace, buffer_bits, lowest_ceiling_bps
from avatar.stream.codecs.picture_encoding import encode_picture, picture_size
from avatar.stream.codecs.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8

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
            context = self._context = self._open(width, height, wanted)
        if context.bit_rate != wanted:
            context.bit_rate = wanted
        encoded = self._encode(context, i420, pts, key=key)
        lower_bps = lowest_ceiling_bps(wanted, self._max_bitrate_bps)
        if 8 * len(encoded.data) <= LONGEST_PICTURE_S * bitrate_bps or lower_bps >= self._ceiling_bps:
            return encoded
        # The rate has just fallen far below the ceiling, which this picture still goes by: it would fill the line.
        self._ceiling_bps = lower_bps
        context = self._context = self._open(width, height, wanted)
        context.bit_rate = wanted
        return self._encode(context, i420, pts, key=True)

    def _encode(self, context: VideoCodecContext, i420: U8, pts: int, *, key: bool) -> EncodedPicture:
        try:
            return encode_picture(context, i420, pts, key=key)
        except av.FFmpegError:
            self._context = None  # a failed encoder does not recover; the next picture opens a fresh one
            raise

    def _has_to_reopen(self, wanted_bps: int, key: bool) -> bool:
        """Return whether the ceiling is too low, or, before a key frame, another than it should be."""
        if wanted_bps > self._ceiling_bps:
            return True
        return key and self._ceiling_bps != lowest_ceiling_bps(wanted_bps, self._max_bitrate_bps)

    def _open(self, width: int, height: int, wanted_bps: int) -> VideoCodecContext:
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
            # No key frame grows beyond what the line passes in a moment.
            "bufsize": str(buffer_bits(wanted_bps, self._ceiling_bps, self._max_bitrate_bps)),
            # BT.601 limited range is what the pictures are; unsaid, a receiver guesses by size.
            "x264-params": "keyint=infinite:colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv",
        }
        context.open()  # before the first change of `bit_rate`: libx264 must see the ceiling as its constant rate
        return context

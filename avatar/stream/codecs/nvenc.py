"""H.264 by the encoder on NVIDIA's graphics cards (NVENC), through FFmpeg, set so that no picture waits for another.

Sources, by letter in the table: [N] NVIDIA, NVENC Video Encoder API Programming Guide 12 and 13, "Recommended NVENC
settings", the row for low latency (video conferencing); [F] FFmpeg 8.1, libavcodec/nvenc.c and `ffmpeg -h
encoder=h264_nvenc`; [S] Sunshine, src/video.cpp, which streams games this way.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias, cast

import av

from avatar.stream.codecs.encoder_rates import PicturePace, buffer_bits, is_worth_a_key_frame, lowest_ceiling_bps
from avatar.stream.codecs.picture_encoding import encode_picture, picture_size
from avatar.stream.codecs.video_encoder import EncodedPicture
from avatar.timing.rtp_clock import VIDEO_TIME_BASE
from avatar.types import U8

NAME: Final = "h264_nvenc"
OPTIONS: Final[Mapping[str, str]] = {
    "preset": "p4",  # [N] any of p1 to p7 at this tuning; p4 is FFmpeg's own, 1 ms a picture of this size
    "tune": "ull",  # [N] ultra low latency: no reordering, no look-ahead, IPPP
    "rc": "cbr",  # [N] constant bit rate, of which only the average is read
    "multipass": "qres",  # [N] a first pass at a quarter of the size: key frames keep within the buffer
    "cbr_padding": "0",  # [F] no filler where the picture needs less than the rate
    "delay": "0",  # [F] each picture is handed out before the next is taken: the default holds several back
    "surfaces": "1",  # [S] nor is there room for more
    "zerolatency": "1",  # [F] [S] zeroReorderDelay
    "bf": "0",  # [N] no B frames: each would wait for a later picture
    "rc-lookahead": "0",  # [N] no look-ahead, which is so many pictures of delay
    "g": "2147483647",  # [N] an infinite GOP: a key frame is made when one is asked for (PLI, RFC 4585)
    "forced-idr": "1",  # [F] and that one is an IDR, where a decoder can start, with parameter sets before it
    "profile": "baseline",  # what the offer's 42e01f promises
    "aud": "0",  # RFC 6184, 5.2: access units are told apart by RTP's marker bit
    "a53cc": "0",  # [F] nor captions
    # BT.601 limited range is what the pictures are; unsaid, a receiver guesses by size.
    "colorspace": "smpte170m",
    "color_primaries": "smpte170m",
    "color_trc": "smpte170m",
    "color_range": "tv",
}
"""As FFmpeg takes them; the size, the rates and the buffer come beside them."""
_DRIVER: Final = {"linux": ("libcuda.so.1", "libnvidia-encode.so.1"), "win32": ("nvcuda.dll", "nvEncodeAPI64.dll")}
"""What FFmpeg loads; all of NVIDIA's display driver."""

Context: TypeAlias = Any
"""An open `av.VideoCodecContext`, or what stands in for one."""
OpenContext: TypeAlias = Callable[[tuple[int, int], int, int, int], Context]


class NvencEncoder:
    """One session of the card's encoder; it lives as long as the size of pictures, and the buffer, fit.

    FFmpeg gives the driver a new `bit_rate` at the next picture, and makes that one a key frame; so a change is made
    when it is worth one, or when one is due. A picture that is none after a change says that the driver has refused:
    then, and from then on, the encoder is opened anew.
    """

    def __init__(self, *, max_bitrate_bps: int, fps: int, open_context: OpenContext | None = None) -> None:
        """Prepare; `open_context` opens a session from (size, bit rate, buffer in bits, fps)."""
        self._max_bitrate_bps, self._fps = max_bitrate_bps, fps
        self._open_context = open_context or open_session
        self._context: Context | None = None
        self._size = (0, 0)
        self._ceiling_bps = self._rate_bps = 0
        self._refuses_changes = False
        self._pace = PicturePace(fps)

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture; see `VideoEncoder.encode`."""
        size = picture_size(i420)
        # The card does not look at the pictures' times: it shares the rate among as many as it was opened for.
        wanted_bps = min(round(bitrate_bps * self._pace.take(pts)), self._max_bitrate_bps)
        # What a key frame may take stays as it was at the opening, while the rate does not.
        ceiling_bps = lowest_ceiling_bps(wanted_bps, self._max_bitrate_bps)
        changes = wanted_bps != self._rate_bps and (key or is_worth_a_key_frame(self._rate_bps, wanted_bps))
        fits = size == self._size and (ceiling_bps == self._ceiling_bps or not changes)
        context = self._context
        if context is None or not fits or (changes and self._refuses_changes):
            context = self._open(size, ceiling_bps, wanted_bps)
        elif changes:
            context.bit_rate = self._rate_bps = wanted_bps
            # Without `key`, though it may be due: what comes then tells whether the driver has obeyed.
            encoded = self._encode(context, i420, pts, key=False)
            if encoded.key:
                return encoded
            self._refuses_changes = True
            context = self._open(size, ceiling_bps, wanted_bps)
        return self._encode(context, i420, pts, key=key)

    def _encode(self, context: Context, i420: U8, pts: int, *, key: bool) -> EncodedPicture:
        try:
            return encode_picture(context, i420, pts, key=key)
        except av.FFmpegError:
            self._context = None
            raise

    def _open(self, size: tuple[int, int], ceiling_bps: int, bitrate_bps: int) -> Context:
        self._context = None  # the old session ends first: cheaper cards have few
        # [N] "very low VBV buffer": as libx264 has it here, so that no key frame takes a line longer.
        bits = buffer_bits(bitrate_bps, ceiling_bps, self._max_bitrate_bps)
        context = self._context = self._open_context(size, bitrate_bps, bits, self._fps)
        self._size, self._ceiling_bps, self._rate_bps = size, ceiling_bps, bitrate_bps
        return context


def open_session(size: tuple[int, int], bitrate_bps: int, buffer_bits: int, fps: int) -> Context:
    """Open a session for pictures of (width, height). Raises av.FFmpegError: no card, too many sessions, too small."""
    context = cast(Any, av.CodecContext.create(NAME, "w"))
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base, context.framerate = VIDEO_TIME_BASE, Fraction(fps, 1)
    context.bit_rate = bitrate_bps
    context.options = {**OPTIONS, "bufsize": str(buffer_bits)}
    context.open()
    return context


def why_no_driver() -> str | None:
    """Return why there can be no card here: NVIDIA's driver is not; None where it is."""
    libraries = _DRIVER.get(sys.platform)
    if libraries is None:
        return f"NVIDIA has no driver for {sys.platform}"
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"no NVIDIA driver here ({library})"
    return None

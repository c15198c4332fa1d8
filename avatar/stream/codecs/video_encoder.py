"""What the stream asks of a picture encoder. `encoders.py` chooses one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from avatar.types import U8

CodecName: TypeAlias = Literal["h264", "vp8"]


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture as it goes into RTP packets."""

    data: bytes
    """H.264: Annex B with parameter sets before each key frame. VP8: one frame."""
    key: bool
    """True when a decoder can start here."""


class VideoEncoder(Protocol):
    """Encodes one call's pictures, one after the other, in whatever thread calls it (never two at once)."""

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture.

        `i420` is (height * 3 / 2, width) planar YUV 4:2:0 with even sides, of any size from one picture to the next;
        `pts` is in ticks of `timing.rtp_clock`, strictly increasing; `bitrate_bps` is the rate wanted from now on;
        `key` asks for a key frame. Raises FrameError for a picture that cannot be encoded, av.FFmpegError when the
        encoder fails.
        """
        ...

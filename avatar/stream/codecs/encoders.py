"""The picture encoders there are, in order of preference, and which of them work here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import av
from aiortc import RTCRtpSender
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from avatar.stream.codecs import nvenc
from avatar.stream.codecs.encoder_trial import BITRATE_BPS, FPS, why_it_fails, why_it_fails_apart
from avatar.stream.codecs.h264 import X264Encoder
from avatar.stream.codecs.video_encoder import CodecName, EncodedPicture, VideoEncoder
from avatar.stream.codecs.vp8 import LibvpxEncoder
from avatar.types import U8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncoderKind:
    """One way of encoding."""

    name: str
    """As FFmpeg calls it."""
    codec: CodecName
    make: Callable[..., VideoEncoder]
    """Its class, made with `max_bitrate_bps` and `fps`; opening it costs nothing until its first picture."""
    why_no_driver: Callable[[], str | None] | None = None
    """Of one that a driver of the machine is behind: says, in no time, why that is not here."""


ENCODERS: Final = (
    EncoderKind(nvenc.NAME, "h264", nvenc.NvencEncoder, nvenc.why_no_driver),
    EncoderKind("libx264", "h264", X264Encoder),
    EncoderKind("libvpx", "vp8", LibvpxEncoder),
)
"""The best first."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Why an encoder is passed over."""

    reason: str
    has_driver: bool = True
    """False: the machine has no such device, which is no fault."""


@cache
def why_passed_over(kind: EncoderKind) -> Passed | None:
    """Say why an encoder does not work here; None: it does. Tried once in a process; blocks, so never on the loop."""
    if kind.why_no_driver is None:
        reason = why_it_fails(kind.make(max_bitrate_bps=BITRATE_BPS, fps=FPS))
    elif (missing := kind.why_no_driver()) is not None:
        return Passed(missing, has_driver=False)
    else:
        reason = why_it_fails_apart(f"{kind.make.__module__}:{kind.make.__name__}")
    if reason is None:
        logger.info("the encoder %s works", kind.name)
        return None
    logger.warning("the encoder %s is passed over: %s", kind.name, reason)
    return Passed(reason)


def working_encoders(codec: CodecName) -> tuple[EncoderKind, ...]:
    """Return the encoders of a codec that work here, the best first; the last one there is where none does. Blocks."""
    kinds = [kind for kind in ENCODERS if kind.codec == codec]
    return tuple(kind for kind in kinds if why_passed_over(kind) is None) or (kinds[-1],)


def try_encoders() -> None:
    """Try all, so that no call has to wait for it. Blocks."""
    for kind in ENCODERS:
        why_passed_over(kind)


def open_video_encoder(codec: CodecName, *, max_bitrate_bps: int, fps: int) -> VideoEncoder:
    """Return the best encoder of this machine for `codec`. Opening it costs nothing until its first picture."""
    return PreferredEncoder(lambda: working_encoders(codec), max_bitrate_bps=max_bitrate_bps, fps=fps)


class PreferredEncoder:
    """Encodes with the first of some encoders, and with the next once that one fails: a card has few sessions."""

    def __init__(self, find: Callable[[], Sequence[EncoderKind]], *, max_bitrate_bps: int, fps: int) -> None:
        """Prepare; `find` is asked when the first picture comes, in the thread that encodes it."""
        self._find, self._max_bitrate_bps, self._fps = find, max_bitrate_bps, fps
        self._left: list[EncoderKind] | None = None
        self._encoder: VideoEncoder | None = None

    def encode(self, i420: U8, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        """Encode one picture; see `VideoEncoder.encode`."""
        if self._left is None:
            self._left = list(self._find())
        while True:
            encoder = self._encoder = self._encoder or self._make(self._left[0])
            try:
                return encoder.encode(i420, pts, bitrate_bps=bitrate_bps, key=key)
            except av.FFmpegError as error:
                if len(self._left) == 1:
                    raise
                failed = self._left.pop(0)
                self._encoder = None  # the next one begins with a key frame
                logger.warning("the encoder %s has failed, %s goes on: %s", failed.name, self._left[0].name, error)

    def _make(self, kind: EncoderKind) -> VideoEncoder:
        return kind.make(max_bitrate_bps=self._max_bitrate_bps, fps=self._fps)


def preferred_video_codecs() -> list[RTCRtpCodecCapability]:
    """Return H.264, which our encoder and most hardware do best, then VP8; and retransmission, lost if not named."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    order: list[Callable[[RTCRtpCodecCapability], bool]] = [
        lambda c: c.mimeType == "video/H264" and c.parameters.get("profile-level-id") == "42e01f",
        lambda c: c.mimeType == "video/H264" and c.parameters.get("profile-level-id") != "42e01f",
        lambda c: c.mimeType == "video/VP8",
        is_rtx,
    ]
    return [codec for wanted in order for codec in codecs if wanted(codec)]

"""The choice of a video codec and its encoder: where a hardware encoder (NVENC) joins, tried before the CPU's."""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from avatar.stream.h264 import X264Encoder
from avatar.stream.video_encoder import CodecName, VideoEncoder
from avatar.stream.vp8 import LibvpxEncoder


def open_video_encoder(codec: CodecName, *, max_bitrate_bps: int, fps: int) -> VideoEncoder:
    """Return the best encoder of this machine for `codec`. Opening it costs nothing until its first picture."""
    if codec == "h264":
        return X264Encoder(max_bitrate_bps=max_bitrate_bps, fps=fps)
    return LibvpxEncoder(max_bitrate_bps=max_bitrate_bps, fps=fps)


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

"""The choice of a picture encoder for a call: where a hardware encoder (NVENC) joins, tried before the CPU's."""

from __future__ import annotations

from avatar.stream.h264 import X264Encoder
from avatar.stream.video_encoder import CodecName, VideoEncoder
from avatar.stream.vp8 import LibvpxEncoder


def open_video_encoder(codec: CodecName, *, max_bitrate_bps: int, fps: int) -> VideoEncoder:
    """Return the best encoder of this machine for `codec`. Opening it costs nothing until its first picture."""
    if codec == "h264":
        return X264Encoder(max_bitrate_bps=max_bitrate_bps, fps=fps)
    return LibvpxEncoder(max_bitrate_bps=max_bitrate_bps, fps=fps)

"""What aiortc's senders tell and are told through their private parts.

As in `aiortc_tuning`, on one connection's own objects only; `tests/stream/tuning/test_sender_tuning.py` says in plain
words which part has gone when aiortc changes.
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from avatar.stream.codecs.video_encoder import CodecName
from avatar.stream.rtp.direct_sending import DirectSender
from avatar.stream.tuning.aiortc_tuning import private_name


class _EstimateListener:
    """Stands where aiortc keeps its encoder, and hears the receiver's estimate."""

    def __init__(self, on_estimate: Callable[[int], None]) -> None:
        self._on_estimate = on_estimate
        self._estimate_bps = 0

    @property
    def target_bitrate(self) -> int:
        return self._estimate_bps

    @target_bitrate.setter
    def target_bitrate(self, estimate_bps: int) -> None:
        self._estimate_bps = estimate_bps
        self._on_estimate(estimate_bps)


def tune_video_sender(
    sender: RTCRtpSender,
    codec: CodecName,
    *,
    on_estimate: Callable[[int], None],
    on_key_frame_request: Callable[[], None],
) -> DirectSender:
    """Let a track that yields encoded packets hear what aiortc tells only its own encoders; return what sends them.

    `on_estimate` gets the receiver's estimate (REMB) in bits per second, `on_key_frame_request` each PLI or FIR. Both
    are called on the event loop.
    """
    # Packets from a track are an official way into aiortc, but REMB then reaches nobody: it goes to the encoder.
    packetiser = H264Encoder() if codec == "h264" else Vp8Encoder()
    setattr(sender, private_name(sender, "encoder"), _EstimateListener(on_estimate))
    # PLI and FIR only set a flag for aiortc's own encoder.
    setattr(sender, private_name(sender, "send_keyframe"), on_key_frame_request)
    return DirectSender(sender, packetiser.pack)


def tune_audio_sender(sender: RTCRtpSender) -> DirectSender:
    """Have a track that yields encoded blocks of sound, at the codec's own time, sent directly."""
    return DirectSender(sender, lambda packet: ([bytes(packet)], packet.pts or 0))


def sent_wire_timestamp(sender: RTCRtpSender) -> int:
    """RTP timestamp (32 bits) of the last packet this sender has put on the wire.

    aiortc adds a random origin to every timestamp and keeps it in a local variable; a trace needs it.
    """
    return int(getattr(sender, private_name(sender, "rtp_timestamp")))

"""Sound encoded for one call, several blocks at a time when they have waited."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.opus_encoder import OpusEncoder
from avatar.timing.rtp_clock import AUDIO_RATE


class AudioEncoder:
    """The encoder of the codec that was agreed on, in whatever thread calls it (never two at once).

    aiortc would hand it one frame at a time to a pool of threads, which takes longer than encoding does and cannot keep
    up when CPU is short, and work out the level of each in Python, sample by sample, for a header that nobody reads.
    Codecs other than Opus are encoded by its encoders.
    """

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        """Encode for a codec of sound that aiortc knows."""
        self._encoder = OpusEncoder() if codec.mimeType.lower() == "audio/opus" else get_encoder(codec)
        self._clock = Fraction(1, codec.clockRate)
        self._ticks = AUDIO_RATE // codec.clockRate
        self._bitrate_bps: int | None = None
        self.bitrate_bps: int | None = None
        """What Opus may take from the next block on; None: as much as is of use. Any thread."""

    def encode(self, blocks: Sequence[av.AudioFrame]) -> list[av.Packet[Any] | None]:
        """Return a packet for each block of `outgoing_audio.FORM` and 20 ms, at the time its `pts` says.

        None: the encoder holds this one back, as it does the first when it has to resample.
        """
        if self.bitrate_bps != self._bitrate_bps:
            self._bitrate_bps = self.bitrate_bps
            if isinstance(self._encoder, OpusEncoder):
                self._encoder.limit(self._bitrate_bps)
        return [self._one(block) for block in blocks]

    def _one(self, block: av.AudioFrame) -> av.Packet[Any] | None:
        if isinstance(self._encoder, OpusEncoder):
            payload = self._encoder.encode(block)
        else:
            payloads, _ = self._encoder.encode(block)
            payload = payloads[0] if payloads else None
        if payload is None:
            return None
        packet = av.Packet(payload)
        packet.pts, packet.time_base = round((block.pts or 0) / self._ticks), self._clock
        return packet

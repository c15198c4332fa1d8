"""Sound encoded for one call, several blocks at a time when they have waited."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.timing.rtp_clock import AUDIO_RATE


class AudioEncoder:
    """aiortc's encoder of the codec that was agreed on, in whatever thread calls it (never two at once).

    aiortc would hand it one frame at a time to a pool of threads, which takes longer than encoding does and cannot keep
    up when CPU is short, and work out the level of each in Python, sample by sample, for a header that nobody reads.
    """

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        """Encode for a codec of sound that aiortc knows."""
        self._codec = codec
        self._encoder = get_encoder(codec)
        self._clock = Fraction(1, codec.clockRate)
        self._bitrate_bps: int | None = None
        self.bitrate_bps: int | None = None
        """What Opus may take from the next block on; None: what aiortc lets it take. Any thread."""

    def encode(self, blocks: Sequence[av.AudioFrame]) -> list[av.Packet[Any] | None]:
        """Return a packet for each block of `outgoing_audio.FORM` and 20 ms, at the time its `pts` says.

        None: the encoder holds this one back, as it does the first when it has to resample.
        """
        if self.bitrate_bps != self._bitrate_bps:
            self._reopen(self.bitrate_bps)
        return [self._one(block) for block in blocks]

    def _reopen(self, bitrate_bps: int | None) -> None:
        # An open encoder takes a new bit rate without a word and goes on as before.
        self._bitrate_bps = bitrate_bps
        encoder = get_encoder(self._codec)
        if isinstance(encoder, OpusEncoder) and bitrate_bps is not None:
            encoder.codec.bit_rate = bitrate_bps
            self._encoder = encoder

    def _one(self, block: av.AudioFrame) -> av.Packet[Any] | None:
        payloads, _ = self._encoder.encode(block)
        if not payloads:
            return None
        packet = av.Packet(payloads[0])
        packet.pts, packet.time_base = round((block.pts or 0) / (AUDIO_RATE * self._clock)), self._clock
        return packet

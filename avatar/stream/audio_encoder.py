"""Sound encoded for one call, several blocks at a time when they have waited."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.timing.rtp_clock import AUDIO_RATE


class AudioEncoder:
    """aiortc's encoder of the codec that was agreed on, in whatever thread calls it (never two at once).

    aiortc would hand it one frame at a time to a pool of threads, which takes longer than encoding does and cannot keep
    up when CPU is short, and work out the level of each in Python, sample by sample, for a header that nobody reads.
    """

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        """Encode for a codec of sound that aiortc knows."""
        self._encoder = get_encoder(codec)
        self._clock = Fraction(1, codec.clockRate)

    def encode(self, blocks: Sequence[av.AudioFrame]) -> list[av.Packet[Any] | None]:
        """Return a packet for each block of `outgoing_audio.FORM` and 20 ms, at the time its `pts` says.

        None: the encoder holds this one back, as it does the first when it has to resample.
        """
        return [self._one(block) for block in blocks]

    def _one(self, block: av.AudioFrame) -> av.Packet[Any] | None:
        payloads, _ = self._encoder.encode(block)
        if not payloads:
            return None
        packet = av.Packet(payloads[0])
        packet.pts, packet.time_base = round((block.pts or 0) / (AUDIO_RATE * self._clock)), self._clock
        return packet

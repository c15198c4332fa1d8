"""Opus for one call: what came as Opus and is unchanged as it came, all else encoded: in one channel while both are
alike, which is what a microphone and a voice give."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, TypeAlias

import av
import numpy as np

from avatar.media.pcm import I16
from avatar.stream.codecs.received_opus import PassingRule, received_payload
from avatar.timing.rtp_clock import AUDIO_RATE, AUDIO_TIME_BASE

FULL_BPS: Final = 96_000
MOST_BPS: Final = {"mono": 72_000, "stereo": FULL_BPS}
"""Two channels that are alike take no more of 96 kbit/s than one is given here (libopus: 68 kbit/s of speech)."""
ALIKE_BLOCKS: Final = 50
"""Channels that differed have to be alike for so long, a second, before one is sent in their place: each change begins
another encoder, which knows nothing of what was before."""
RECALLED: Final = 5
"""Blocks sent on that an encoder is shown before it takes over. A packet says what has changed since the one before:
the receiver's decoder would be up to twice as loud for 0.1 s after an encoder that knows nothing of those."""
QUIET: Final = 100
"""Of 32767: packets are sent on again, after others, from a block on that is no louder, for the same reason."""

_Layout: TypeAlias = Literal["mono", "stereo"]


class OpusEncoder:
    """Encodes blocks of 20 ms in two channels, in whatever thread calls it (never two at once).

    A decoder takes one channel or two as they come (RFC 6716, 2.1.2), and plays one as two that are alike: the same
    sound for half the work.
    """

    def __init__(self) -> None:
        self._bitrate_bps = FULL_BPS
        self._layout: _Layout = "mono"
        self._alike = ALIKE_BLOCKS
        self._passing_rule, self._passing = PassingRule(), True
        self._sent_on: deque[av.AudioFrame] = deque(maxlen=RECALLED)
        self._context = self._open()

    def limit(self, bitrate_bps: int | None) -> None:
        """Take at most so many bits a second from the next block on; None: as many as are of use."""
        # An open encoder takes a new bit rate without a word and goes on as before.
        self._bitrate_bps = FULL_BPS if bitrate_bps is None else bitrate_bps
        self._context = self._open()

    def encode(self, block: av.AudioFrame) -> bytes | None:
        """Return the packet of a block (960 samples of 48 kHz, s16, stereo); None: there is none yet."""
        received = received_payload(block)
        may_pass = received is not None and self._passing_rule.allows(received, self._bitrate_bps)
        if received is not None and may_pass and (self._passing or _is_quiet(block)):
            self._passing = True
            self._sent_on.append(block)
            return received
        if self._passing:
            self._passing = False
            self._context = self._open()
            for heard in self._sent_on:
                self._encode(heard)
            self._sent_on.clear()
        return self._encode(block)

    def _encode(self, block: av.AudioFrame) -> bytes | None:
        samples: I16 = block.to_ndarray().reshape(-1, 2).astype(np.int16, copy=False)
        if not np.array_equal(samples[:, 0], samples[:, 1]):
            self._alike = 0
        elif self._alike < ALIKE_BLOCKS:
            self._alike += 1
        layout: _Layout = "mono" if self._alike >= ALIKE_BLOCKS else "stereo"
        if layout != self._layout:
            self._layout = layout
            self._context = self._open()
        if layout == "mono":
            one: I16 = np.ascontiguousarray(samples[:, :1].T)
            block = av.AudioFrame.from_ndarray(one, format="s16", layout="mono")
            block.sample_rate, block.time_base = AUDIO_RATE, AUDIO_TIME_BASE
        packets = self._context.encode(block)
        return bytes(packets[0]) if packets else None

    def _open(self) -> av.AudioCodecContext:
        context = av.CodecContext.create("libopus", "w")
        context.bit_rate = min(self._bitrate_bps, MOST_BPS[self._layout])
        context.format, context.layout, context.sample_rate = "s16", self._layout, AUDIO_RATE
        context.time_base = AUDIO_TIME_BASE
        context.options = {"application": "voip"}
        return context


def _is_quiet(block: av.AudioFrame) -> bool:
    samples = block.to_ndarray()
    return int(samples.min()) > -QUIET and int(samples.max()) < QUIET

"""Sound in blocks of 20 ms, however long the frames are that it comes in.

aiortc 1.16 sends one frame as one packet's worth of time: of 40 ms it sends two packets of the same timestamp, of which
a receiver plays one, and of 100 ms nothing is heard. WebRTC's own encoders make packets of 20 ms by default (RFC 7587).
"""

from __future__ import annotations

from typing import Final

import av
import numpy as np

from avatar.media.pcm import I16
from avatar.stream.outgoing_audio import LEAP
from avatar.timing.rtp_clock import AUDIO_RATE, AUDIO_TIME_BASE

BLOCK: Final = AUDIO_RATE // 50
"""Samples of a block: 20 ms."""


class AudioFramer:
    """Cuts one stream of frames in `outgoing_audio.FORM`. Not for several threads at once."""

    def __init__(self) -> None:
        self._held = np.zeros((0, 2), np.int16)
        """Samples that do not fill a block yet."""
        self._due = 0
        """The time of what comes next, in samples."""

    def cut(self, frame: av.AudioFrame) -> list[tuple[av.AudioFrame, float]]:
        """Return the blocks that a frame completes, each with how many seconds after the frame's own begin it begins.

        Less than a block is held back for the next frame; the first block then begins before the frame does.
        """
        begin = self._due if frame.pts is None else frame.pts
        if len(self._held) and abs(begin - self._due) > LEAP:
            self._held = self._held[:0]  # a pause came before the block was full: it would join what is far apart
        if not len(self._held):
            self._due = begin
            if frame.samples == BLOCK:
                self._due += BLOCK
                return [(frame, 0.0)]
        early = len(self._held)
        start = self._due - early
        samples = np.concatenate([self._held, frame.to_ndarray().reshape(-1, 2)])
        whole = len(samples) // BLOCK * BLOCK
        self._held, self._due = samples[whole:], start + len(samples)
        begins = range(0, whole, BLOCK)
        return [(_block(samples[at : at + BLOCK], start + at), (at - early) / AUDIO_RATE) for at in begins]


def _block(samples: I16, pts: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.time_base, frame.pts = AUDIO_RATE, AUDIO_TIME_BASE, pts
    return frame

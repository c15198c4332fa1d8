"""Whether somebody in a room is speaking, by the sound that leaves."""

from __future__ import annotations

from typing import Final

import av
import numpy as np

from avatar.perception.speech.activity import VoiceLevels
from avatar.types import F32

LEVEL_S: Final = 0.01
"""Length of the pieces whose level is taken, as `VoiceLevels` has them."""
HOLD_S: Final = 0.6
"""How long one is still shown as speaking: a pause between two words is none between two speakers."""
SILENCE: Final = 1e-5
"""-100 dB below full scale; nothing is quieter."""


class Speaking:
    """Follows one voice. Takes frames of any form; the same thread each time."""

    def __init__(self) -> None:
        self._levels = VoiceLevels()
        self._heard_s = float("-inf")

    def hear(self, frame: av.AudioFrame, now_s: float) -> bool:
        """Take the next frame of sound, at `now_s` of any one monotonic clock; return whether somebody speaks."""
        if self._levels.push(levels_db(frame)).active.any():
            self._heard_s = now_s
        return self.at(now_s)

    def at(self, now_s: float) -> bool:
        """Return whether somebody speaks, where no sound has come any more."""
        return now_s - self._heard_s < HOLD_S


def levels_db(frame: av.AudioFrame) -> F32:
    """Return (n,) levels of a frame's first channel, of `LEVEL_S` each, dB below full scale."""
    samples = frame.to_ndarray()
    first = samples[0, :: len(frame.layout.channels)] if not frame.format.is_planar else samples[0]
    scale = 1.0 if frame.format.name in ("flt", "fltp", "dbl", "dblp") else 2.0 ** (8 * samples.itemsize - 1)
    length = max(1, round(frame.sample_rate * LEVEL_S))
    whole = max(1, len(first) // length)
    pieces = np.array_split(first.astype(np.float32) / scale, whole)
    rms = [max(float(np.sqrt(np.mean(piece * piece))), SILENCE) if piece.size else SILENCE for piece in pieces]
    return np.asarray(20 * np.log10(rms), np.float32)

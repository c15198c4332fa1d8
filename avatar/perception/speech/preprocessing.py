"""Audio preprocessing: frames of any format become mono samples of one rate, finite, in -1..1, without offset."""

from __future__ import annotations

import math
from typing import Final

import av
import numpy as np

from avatar.media.audio_format import AudioFormatter
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

OFFSET_HZ: Final = 20.0
"""Edge of the high-pass filter that takes a constant offset away."""
BLOCK: Final = 512
"""Samples that are filtered at once: powers of the filter's pole stay far from the limits of a float."""


class SpeechPreprocessor:
    """Preprocesses one stream of frames; their format may change at any frame. Not for several threads at once."""

    def __init__(self, rate: int = RATE) -> None:
        """Return samples at `rate` a second."""
        self._formatter = AudioFormatter(rate, 1)
        self._pole = 1 - 2 * math.pi * OFFSET_HZ / rate
        self._powers = self._pole ** np.arange(BLOCK + 1)
        self._last = self._level = 0.0
        """The sample before the next one, and what became of it."""
        self.refused = 0
        """Frames that could not be made sense of."""

    def take(self, frame: av.AudioFrame) -> F32:
        """Return the (n,) samples, -1..1, that a frame adds; none for one that cannot be used.

        About a millisecond is held back.
        """
        try:
            samples = self._formatter.take(frame)[0]
        except ValueError:
            self.refused += 1
            return np.zeros(0, np.float32)
        return np.clip(self._without_offset(samples), -1, 1)

    def _without_offset(self, samples: F32) -> F32:
        """Return level[n] = (1 + pole) / 2 * (samples[n] - samples[n - 1]) + pole * level[n - 1].

        Without the recursion: level[n] / pole^n is a running sum. `scipy.signal.lfilter` takes 50 MB to load.
        """
        level = np.empty(len(samples), np.float32)
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK].astype(np.float64)
            steps = (1 + self._pole) / 2 * np.diff(block, prepend=self._last)
            powers = self._powers[1 : len(block) + 1]
            filtered = powers * (self._level + np.cumsum(steps / powers))
            level[start : start + BLOCK] = filtered
            self._last, self._level = float(block[-1]), float(filtered[-1])
        return level


def sound_frame(samples: F32, rate: int) -> av.AudioFrame:
    """Return (n,) or (channels, n) float samples as a frame, for one or two channels.

    Raises:
        ValueError: another number of channels or dimensions.
    """
    planes = np.atleast_2d(np.asarray(samples, np.float32))
    if planes.ndim != 2 or planes.shape[0] not in (1, 2):
        raise ValueError(f"Sound has shape {samples.shape}, expected (n,), (1, n) or (2, n).")
    layout = "mono" if planes.shape[0] == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame

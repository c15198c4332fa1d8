"""Audio preprocessing: frames of any format become mono samples of one rate, finite, in -1..1, without offset."""

from __future__ import annotations

import math
from typing import Final

import av
import numpy as np
from scipy.signal import lfilter

from avatar.media.audio_format import AudioFormatter
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

OFFSET_HZ: Final = 20.0
"""Edge of the high-pass filter that takes a constant offset away."""


class SpeechPreprocessor:
    """Preprocesses one stream of frames; their format may change at any frame. Not for several threads at once."""

    def __init__(self, rate: int = RATE) -> None:
        """Return samples at `rate` a second."""
        self._formatter = AudioFormatter(rate, 1)
        self._pole = 1 - 2 * math.pi * OFFSET_HZ / rate
        self._offset = np.zeros(1)
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
        scale = (1 + self._pole) / 2
        if not len(samples):
            return samples
        level, self._offset = lfilter([scale, -scale], [1, -self._pole], samples, zi=self._offset)
        return np.asarray(level, np.float32)


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

"""Whatever sound arrives, made fit to listen to: one channel and rate, finite, within full scale, without an offset."""

from __future__ import annotations

import math
from typing import Any, Final

import av
import numpy as np
from scipy.signal import lfilter

from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

OFFSET_HZ: Final = 20.0
"""Edge of the high-pass filter that takes a constant offset away."""
LONGEST_FRAME_S: Final = 120.0
"""A frame that claims to be longer is not listened to."""
RATES: Final = (4_000, 384_000)
"""Samples a second that are believed."""


class SoundIntake:
    """One stream of decoded frames to samples. The format may change at any frame. Not for several threads at once."""

    def __init__(self, rate: int = RATE) -> None:
        """Return samples at `rate` a second."""
        self._rate = rate
        self._pole = 1 - 2 * math.pi * OFFSET_HZ / rate
        self._resampler: av.AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None
        self._offset = np.zeros(1)
        self.refused = 0
        """Frames that could not be made sense of."""

    def take(self, frame: av.AudioFrame) -> F32:
        """Return the (n,) samples, -1..1, that a frame adds; none for one that cannot be used.

        The resampler holds about a millisecond back.
        """
        if frame.samples == 0:
            return np.zeros(0, np.float32)
        if not (RATES[0] <= frame.sample_rate <= RATES[1] and frame.samples <= LONGEST_FRAME_S * frame.sample_rate):
            self.refused += 1
            return np.zeros(0, np.float32)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        try:
            if self._resampler is None or kind != self._format:
                self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=self._rate)
                self._format = kind
            pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(_finite(frame))]
        except (av.FFmpegError, ValueError):
            self._resampler = None
            self.refused += 1
            return np.zeros(0, np.float32)
        if not pieces:
            return np.zeros(0, np.float32)
        return np.clip(self._without_offset(np.concatenate(pieces)), -1, 1)

    def _without_offset(self, samples: F32) -> F32:
        scale = (1 + self._pole) / 2
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


def _finite(frame: av.AudioFrame) -> av.AudioFrame:
    """Return a frame without a time of its own whose float samples are numbers within full scale."""
    samples: Any = frame.to_ndarray()
    if samples.dtype.kind == "f":
        samples = np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1, 1).astype(samples.dtype)
    cleaned = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples), format=frame.format.name, layout=frame.layout.name
    )
    cleaned.sample_rate = frame.sample_rate
    return cleaned

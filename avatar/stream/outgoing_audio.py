"""Sound on its way to an encoder: always in one form, as loud as it came.

aiortc 1.16's encoders of sound go on in the form of their first frame, fail on another, and make one channel 3 dB
quieter in two. A user's form may change within a call (Opus decodes to two channels, G.711 to one at 8 kHz), and what
the avatar says by itself has one channel.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import numpy as np

from avatar.media.audio_format import AudioFormatter
from avatar.timing.rtp_clock import AUDIO_RATE, AUDIO_TIME_BASE

FORM: Final = ("s16", "stereo", AUDIO_RATE)
LEAP: Final = AUDIO_RATE // 10
"""Samples that a frame's own time may differ from where the one before ended; beyond, the sound has leapt."""


class OutgoingAudio:
    """One call's sound; frames of any form in, frames of `FORM` out. Not for several threads at once."""

    def __init__(self) -> None:
        self._formatter = AudioFormatter(AUDIO_RATE, 2)
        self._due: int | None = None

    def take(self, frame: av.AudioFrame) -> av.AudioFrame | None:
        """Return a frame in the one form; itself where it is; None for one that cannot be used or is held back."""
        if (frame.format.name, frame.layout.name, frame.sample_rate) == FORM and frame.time_base == AUDIO_TIME_BASE:
            self._due = None
            return frame
        try:
            planes = self._formatter.take(frame)
        except ValueError:
            return None
        if not planes.shape[1]:
            return None
        samples = np.round(planes * 32767).astype(np.int16)
        formed = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), format="s16", layout="stereo")
        formed.sample_rate, formed.time_base, formed.pts = AUDIO_RATE, AUDIO_TIME_BASE, self._place(frame)
        self._due = formed.pts + samples.shape[1]
        return formed

    def _place(self, frame: av.AudioFrame) -> int:
        """Return when a frame is heard, in samples: where the one before ended, unless its own time has leapt."""
        time_base = frame.time_base or Fraction(1, frame.sample_rate)
        says = None if frame.pts is None else round(frame.pts * time_base * AUDIO_RATE)
        if self._due is not None and (says is None or abs(says - self._due) <= LEAP):
            return self._due
        return says or 0

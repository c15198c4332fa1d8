"""Speech features, 100 frames a second: the protocol, and the log-mel features that the shipped networks take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from avatar.perception.speech.activity import Levels, VoiceLevels
from avatar.perception.speech.log_mel import BANDS, LogMelStream
from avatar.types import F32

LEVEL_SPAN_DB: Final = 20.0
LEVEL_LIMITS: Final = (-4.5, 1.5)
SILENT_LEVEL: Final = -3.6
"""The level of silence."""


@dataclass(frozen=True, slots=True)
class FeatureFrames:
    """The n frames that some samples completed, with their levels."""

    frames: F32
    """(n, size), the network's input."""
    level_db: F32
    """(n,), dB below full scale."""
    levels: Levels
    """What is known of the voice's loudness in these frames."""


class SpeechFeatures(Protocol):
    """Extracts the features of one stream of audio. Not for several threads at once.

    There are 100 frames a second. Frame number k covers samples `160 * k` to `160 * k + 400` of the stream, is given as
    soon as the last of them has come and depends on none after it, however the sound is cut into pieces.
    """

    @property
    def size(self) -> int:
        """How many numbers a frame has."""
        ...

    @property
    def silence(self) -> F32:
        """(size,), a frame in which there is no sound."""
        ...

    def push(self, samples: F32) -> FeatureFrames:
        """Take (m,) samples at 16 kHz, -1..1; return the frames that are whole now."""
        ...

    def reset(self) -> None:
        """Forget all sound: what comes next is another stream."""


class LogMelFeatures:
    """Log-mel band powers relative to the voice's usual level: the input of the shipped weights."""

    size: int = BANDS

    def __init__(self) -> None:
        self.silence = np.full(BANDS, SILENT_LEVEL, np.float32)
        self.reset()

    def push(self, samples: F32) -> FeatureFrames:
        """Take (m,) samples at 16 kHz; return the frames (n, 40) that are whole now."""
        mel_db, level_db = self._mel.push(samples)
        levels = self._levels.push(level_db)
        return FeatureFrames(normalised(mel_db, levels.voice_db), level_db, levels)

    def reset(self) -> None:
        """Forget all sound."""
        self._mel, self._levels = LogMelStream(), VoiceLevels()


def normalised(power_db: F32, voice_db: F32) -> F32:
    """Return powers (n, bands) in dB relative to the voice's level (n,) in dB, in the range of the networks' input."""
    return np.asarray(np.clip((power_db - voice_db[:, None]) / LEVEL_SPAN_DB, *LEVEL_LIMITS), np.float32)

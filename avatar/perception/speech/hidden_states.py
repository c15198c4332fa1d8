"""Features from a hidden layer of a speech encoder, at the rate and within the delay of log-mel frames.

    samples:  ...........................|   run r has taken up to sample 400 + 640 * r, a second of it
    states:          ... s s s s [s] [s]     the last two are new; each is repeated, 50 a second to 100
    frames:                 4r 4r+1 4r+2 4r+3

An encoder looks both ways, so what it says of a moment may hang on all its input. It is therefore run anew every
40 ms, on a window that ends where the first of the new frames ends: states come 20 ms later than a log-mel frame of the
same sound, which a network learns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from avatar.perception.speech.activity import VoiceLevels
from avatar.perception.speech.encoder import FIELD, STATE_HOP, WINDOW, SpeechEncoder
from avatar.perception.speech.features import SILENT_LEVEL, FeatureFrames, normalised
from avatar.perception.speech.log_mel import HOP, LogMelStream
from avatar.types import F32

NEW_STATES: Final = 2
"""States taken from each run."""
RUN_HOP: Final = NEW_STATES * STATE_HOP
"""Samples from one run to the next."""


class HiddenStates:
    """`SpeechFeatures` of an encoder: its hidden state, and the sound's level relative to the voice's usual one.

    The level is there because most encoders hear all sound equally loud: without it a murmur would be a voice.
    """

    def __init__(self, encoder: SpeechEncoder) -> None:
        self._encoder = encoder
        self.size = encoder.hidden + 1
        self.silence = np.append(encoder.silence, np.float32(SILENT_LEVEL))
        self.reset()

    def reset(self) -> None:
        """Forget all sound: there was silence before."""
        self._mel, self._levels = LogMelStream(), VoiceLevels()
        self._sound = np.zeros(WINDOW - FIELD, np.float32)
        """From the begin of the next window on."""
        self._states = np.zeros((0, self._encoder.hidden), np.float32)
        """Those known that no frame has taken: fewer than 4."""

    def push(self, samples: F32) -> FeatureFrames:
        """Take (m,) samples at 16 kHz; return the frames (n, hidden + 1) that are whole now."""
        _, level_db = self._mel.push(samples)
        levels = self._levels.push(level_db)
        states = np.concatenate([self._states, self._run(samples)])
        count = len(level_db)
        self._states = states[count:].copy()
        frames = np.concatenate([states[:count], normalised(level_db[:, None], levels.voice_db)], axis=1)
        return FeatureFrames(frames, level_db, levels)

    def _run(self, samples: F32) -> F32:
        """Return the new states (n, hidden), 100 a second."""
        self._sound = np.concatenate([self._sound, samples])
        runs = max((len(self._sound) - WINDOW) // RUN_HOP + 1, 0)
        if runs == 0:
            return np.zeros((0, self._encoder.hidden), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._sound, WINDOW)[: runs * RUN_HOP : RUN_HOP]
        states = self._encoder.states(windows)[:, -NEW_STATES:].reshape(-1, self._encoder.hidden)
        self._sound = self._sound[runs * RUN_HOP :].copy()
        return np.repeat(states, STATE_HOP // HOP, axis=0)

"""Voice activity by a network: tells speech from music, doors and keyboards, which loudness alone cannot."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from avatar.motion.speech_network import CLASSES, SpeechNetwork
from avatar.motion.voice_network import shipped_detector
from avatar.perception.speech.log_mel import FRAMES_PER_S
from avatar.types import F32

VOICE: Final = 0.8
"""Probability from which a frame is taken for speech."""
SYLLABLE_FRAMES: Final = 8
"""Frames in a row (10 ms each) that make a voice: clicks and knocks are shorter."""
HOLD_S: Final = 0.4
"""How long a voice is held to be there after its last frame: shorter than the pauses between two people's turns."""


class VoiceDetector(Protocol):
    """Voice activity detection on one stream of audio."""

    def push(self, samples: F32) -> bool:
        """Take (n,) samples at 16 kHz; return whether there was a voice in it or shortly before."""
        ...


class NetworkVoiceDetector:
    """A speech network's probability of silence, thresholded; the answer is 0.1 s late."""

    def __init__(self) -> None:
        """Open the shipped network. Raises ModelError: its weights are missing."""
        network = shipped_detector()
        self._features = network.make_features()
        self._network = SpeechNetwork(network.weights, self._features.silence)
        self._in_a_row = 0
        self._since = round(HOLD_S * FRAMES_PER_S)

    def push(self, samples: F32) -> bool:
        """Take (n,) samples at 16 kHz; return whether there was a voice in the last `HOLD_S`."""
        frames = self._features.push(samples).frames
        if len(frames):
            silence = self._network.push(frames).posterior[:, CLASSES.index("silence")]
            for spoken in np.asarray(silence < 1 - VOICE).tolist():
                self._in_a_row = self._in_a_row + 1 if spoken else 0
                self._since = 0 if self._in_a_row >= SYLLABLE_FRAMES else self._since + 1
        return self._since < HOLD_S * FRAMES_PER_S

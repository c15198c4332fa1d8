"""A speaking head: it moves more than a listening one, nods on loud syllables, and its brows rise with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from avatar.motion.voice_motion import VoiceMotion
from avatar.types import BLENDSHAPE_INDEX, F32, Motion

FASTEST: Final = 0.06
"""Share of the way to a new level a syllable's loudness goes in 10 ms: 0.17 s."""
USUAL: Final = 0.006
"""The same for what is usual: 1.7 s."""
SPEAKING: Final = 0.04
"""The same for whether somebody speaks: 0.25 s."""
SYLLABLE_DB: Final = 7.0
"""A syllable this much louder than usual is stressed."""

NOD: Final = np.radians(np.array([2.4, 0.5, 0.4])).astype(np.float32)
"""How far a full stress turns the head: pitch, yaw, roll."""
SWAY: Final = (
    # amplitude in degrees, frequencies in Hz that share no common beat
    (1.2, (0.31, 0.47)),  # pitch
    (2.4, (0.23, 0.39)),  # yaw
    (1.3, (0.19, 0.35)),  # roll
)
BROWS: Final = {"browInnerUp": 0.28, "browOuterUpLeft": 0.2, "browOuterUpRight": 0.2}


class Prosody:
    """Follows a voice's loudness; frame by frame (10 ms) the same whatever the pieces are."""

    def __init__(self) -> None:
        self._now_db, self._usual_db, self._speaking = -20.0, -10.0, 0.0

    def push(self, relative_db: F32, silence: F32) -> tuple[F32, F32]:
        """Take (n,) frame levels relative to the voice's usual one and (n,) probabilities that nobody speaks.

        Returns:
            (n,) speaking, 0..1, and (n,) emphasis, -1..1: louder or quieter than lately. Both change smoothly.
        """
        speaking, emphasis = np.empty((2, len(relative_db)), np.float32)
        levels, silences = np.clip(relative_db, -25, 6).tolist(), silence.tolist()
        for index, (level, silent) in enumerate(zip(levels, silences, strict=True)):
            self._now_db += FASTEST * (level - self._now_db)
            if silent < 0.5:
                self._usual_db += USUAL * (level - self._usual_db)
            self._speaking += SPEAKING * ((1 - silent) - self._speaking)
            speaking[index] = self._speaking
            emphasis[index] = self._speaking * np.tanh((self._now_db - self._usual_db) / SYLLABLE_DB)
        return speaking, emphasis


class SpeakingLife:
    """One person's way to move the head while speaking; another seed is another person."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, 3])
        self._phases = rng.uniform(0, 2 * np.pi, (3, 2))
        self._nod = NOD * np.array([1, *rng.choice([-1, 1], 2)], np.float32)

    def add(self, idle: Motion, voice: VoiceMotion) -> Motion:
        """Return idle life with what speaking adds to head and brows. Pure: depends on the arguments and the seed."""
        sway = [
            np.radians(amplitude) * np.mean(np.sin(2 * np.pi * np.array(frequencies) * idle.time_s + phases))
            for (amplitude, frequencies), phases in zip(SWAY, self._phases, strict=True)
        ]
        blendshapes = idle.blendshapes.copy()
        for name, share in BROWS.items():
            blendshapes[BLENDSHAPE_INDEX[name]] += np.float32(share * max(voice.emphasis, 0.0))
        turn = np.array(sway, np.float32) * np.float32(voice.speaking) + self._nod * np.float32(voice.emphasis)
        return replace(idle, blendshapes=blendshapes, rotation=(idle.rotation + turn).astype(np.float32))

"""Life while nothing drives: breath, small drifts of the head, blinks and glances. A pure function of time and seed."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, Motion

HIGHEST_SEED: Final = 2**63 - 1
"""Seeds are 0 to this."""
BREATHS_PER_S: Final = 0.23
"""14 breaths a minute: an adult at rest."""
BLINK_SLOT_S: Final = 4.0
"""One blink somewhere in each slot: 15 a minute (people at rest: 15 to 20)."""
BLINK_CLOSING_S: Final = 0.08
BLINK_OPENING_S: Final = 0.16
GLANCE_SLOT_S: Final = 2.6
GLANCE_S: Final = 0.06
"""A saccade's duration."""
DRIFTS: Final = (
    # amplitude in degrees, frequencies in Hz that share no common beat
    (0.9, (0.067, 0.113, 0.197)),  # pitch
    (1.3, (0.053, 0.097, 0.173)),  # yaw
    (0.7, (0.043, 0.089, 0.151)),  # roll
)


class IdleLife:
    """One person's idle motion; another seed, 0 to `HIGHEST_SEED`, is another person."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (3, 3))
        self._amplitudes = np.radians([amplitude for amplitude, _ in DRIFTS])
        self._pulsations = 2 * np.pi * np.array([frequencies for _, frequencies in DRIFTS])

    def motion(self, time_s: float) -> Motion:
        """Return the motion at a moment of the media clock."""
        breath = np.sin(2 * np.pi * BREATHS_PER_S * time_s)
        blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
        closed = self._blink(time_s)
        blendshapes[BLENDSHAPE_INDEX["eyeBlinkLeft"]] = closed
        blendshapes[BLENDSHAPE_INDEX["eyeBlinkRight"]] = closed
        rotation = self._drift(time_s)
        rotation[0] -= np.float32(np.radians(0.35) * breath)
        return Motion(
            time_s=time_s,
            blendshapes=blendshapes,
            rotation=rotation,
            translation=np.array([0, -0.008 * breath], np.float32),
            scale=1 + 0.002 * float(breath),
            gaze=self._gaze(time_s),
        )

    def _drift(self, time_s: float) -> F32:
        """Return the head's slow wandering, (3,) radians."""
        waves = np.sin(self._pulsations * time_s + self._phases)
        return np.asarray(self._amplitudes * waves.mean(axis=1), np.float32)

    def _blink(self, time_s: float) -> float:
        """Return how far the lids are closed, 0 to 1: fast down, slower up."""
        slot = int(time_s // BLINK_SLOT_S)
        start = slot * BLINK_SLOT_S + _draw(self._seed, 1, slot)[0] * (BLINK_SLOT_S - 0.5)
        since = time_s - start
        if since < 0 or since > BLINK_CLOSING_S + BLINK_OPENING_S:
            return 0.0
        if since < BLINK_CLOSING_S:
            return float(np.sin(np.pi / 2 * since / BLINK_CLOSING_S))
        return float(np.cos(np.pi / 2 * (since - BLINK_CLOSING_S) / BLINK_OPENING_S))

    def _gaze(self, time_s: float) -> F32:
        """Return where the eyes rest between saccades, (2,) shares of the eye's width."""
        slot = int(time_s // GLANCE_SLOT_S)
        start = slot * GLANCE_SLOT_S + _draw(self._seed, 2, slot)[2] * (GLANCE_SLOT_S - GLANCE_S)
        arrived = float(np.clip((time_s - start) / GLANCE_S, 0, 1))
        return (1 - arrived) * self._target(slot - 1) + arrived * self._target(slot)

    def _target(self, slot: int) -> F32:
        x, y, _ = _draw(self._seed, 2, slot)
        return np.array([0.05 * (x - 0.5), 0.025 * (y - 0.5)], np.float32)


@lru_cache(maxsize=256)
def _draw(seed: int, stream: int, slot: int) -> tuple[float, float, float]:
    """Return three numbers in 0..1 that belong to one slot of one stream of one person."""
    first, second, third = np.random.default_rng([seed, stream, slot + 2**20]).uniform(size=3)
    return float(first), float(second), float(third)

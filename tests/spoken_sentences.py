"""Sentences of a voice that no speech network here was trained on, and when it closes its lips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pytest
from scipy.signal import resample_poly

from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

CLOSURES_S: Final = {
    "My mother bought a big brown puppy, and we all love it.": (0.362, 0.538, 0.825, 1.088, 1.325, 1.675, 1.85),
    "Bob made a map of the empty harbour before breakfast.": (
        0.375, 0.6, 0.688, 0.95, 1.138, 1.5, 1.55, 1.925, 2.15, 2.5,
    ),
    "Perhaps the band may play by the bridge at midnight.": (0.35, 0.7, 0.925, 1.362, 1.55, 1.85, 2.075, 2.488),
}  # fmt: skip
"""The middle of every p, b and m, from the durations inside hibari 0.2.1's own network (steps of 12.5 ms), which are
those of the sound it makes."""
PAUSE_S: Final = 0.3


@dataclass(frozen=True)
class Spoken:
    """Some sentences, one after the other."""

    sound: F32
    """(n,), -1..1, `RATE` samples a second."""
    closures_s: list[float]

    @property
    def length_s(self) -> float:
        return len(self.sound) / RATE


def sentence(text: str) -> F32:
    """Return a sentence, (n,) at `RATE`; skips the test where the voice is not installed."""
    hibari = pytest.importorskip("hibari", reason="needs a voice (pip install 'avatar[voice]')")
    samples = hibari.Hibari()(text, seed=0)
    return np.asarray(resample_poly(samples, 2, 3), np.float32)


@cache
def spoken() -> Spoken:
    """Return all of them with pauses between."""
    sounds: list[F32] = []
    closures: list[float] = []
    for text, times in CLOSURES_S.items():
        start_s = sum(map(len, sounds)) / RATE
        closures += [start_s + time_s for time_s in times]
        sounds += [sentence(text), np.zeros(round(PAUSE_S * RATE), np.float32)]
    return Spoken(np.concatenate(sounds), closures)

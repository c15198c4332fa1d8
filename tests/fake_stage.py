"""An avatar's stage whose every picture says what it shows: a mouth as open as the sound of its moment is loud."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from avatar.motion.speech import LOOK_AHEAD_S
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.painter import Stage
from avatar.types import BLENDSHAPE_INDEX, F32, U8, Motion

JAW = BLENDSHAPE_INDEX["jawOpen"]
RATE = 48_000


class LoudMouth:
    """Knows a mouth as `SpeechMotion` does: only when the sound that follows on its moment was told."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._pieces: list[tuple[float, float, F32]] = []

    def push(self, sound: F32, received_s: float, rate: int) -> None:
        self._pieces = [piece for piece in self._pieces if piece[1] > received_s - 3]
        self._pieces.append((received_s, received_s + len(sound) / rate, sound))

    def motion(self, time_s: float) -> VoiceMotion:
        rest = resting_voice(time_s)
        told_s = max((end for _, end, _ in self._pieces), default=-1.0)
        if told_s < time_s + LOOK_AHEAD_S - 1e-3:
            return rest
        for begin, end, sound in self._pieces:
            if begin - 1e-6 <= time_s < end - 1e-6:
                at = round((time_s - begin) / (end - begin) * len(sound))
                loud = float(np.abs(sound[at : at + RATE // 200]).max(initial=0))
                blendshapes = rest.blendshapes.copy()
                blendshapes[JAW] = loud
                return replace(rest, blendshapes=blendshapes, confidence=1.0, speaking=1.0 if loud else 0.0)
        return rest


class PlainGenerator:
    """Draws a small grey picture: as light as the jaw is open. `slow_s` is how long that takes."""

    def __init__(self, slow_s: float = 0.0, *, fails_after: int | None = None) -> None:
        self.picture_size = (32, 32)
        self.identity = SimpleNamespace(name="plain")
        self.rig: Any = None
        self.key_every, self.last_in_full = 1, True
        self.motions: list[Motion] = []
        self.slow_s, self._fails_after = slow_s, fails_after

    def render(self, motion: Motion) -> U8:
        if self._fails_after is not None and len(self.motions) >= self._fails_after:
            raise RuntimeError("the canvas is torn")
        self.motions = [*self.motions[-500:], motion]
        time.sleep(self.slow_s)
        return np.full((32, 32, 3), round(255 * float(np.clip(motion.blendshapes[JAW], 0, 1))), np.uint8)


def plain_stage(slow_s: float = 0.0, *, fails_after: int | None = None) -> Stage:
    """Return a stage of the two."""
    return Stage(PlainGenerator(slow_s, fails_after=fails_after), LoudMouth())  # type: ignore[arg-type]

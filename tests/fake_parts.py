"""Render parts whose every picture says what it shows: a mouth as open as the sound of its moment is loud."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from avatar.config import Background
from avatar.generator.background import background_bytes
from avatar.motion.speech import JITTER_S, LOOK_AHEAD_S
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.sdk.renderer import RenderParts
from avatar.types import BLENDSHAPE_INDEX, F32, U8, Motion

JAW = BLENDSHAPE_INDEX["jawOpen"]
LOOKED_AT_S = (0.005, 0.009)
"""Sound so long after a moment is what the mouth of that moment shows."""


class LoudMouth:
    """Knows a mouth as `SpeechMotion` does: only when the sound that follows on its moment was told."""

    def __init__(self) -> None:
        self.listened: list[float] = []
        """The moments at which what hears the sound by itself was asked too, if there were one."""
        self.reset()

    def reset(self) -> None:
        self._begin_s, self._rate, self._sound = 0.0, 1, np.zeros(0, np.float32)

    def push(self, sound: F32, received_s: float, rate: int) -> None:
        if abs(received_s - self._end_s) > JITTER_S or rate != self._rate:
            self._begin_s, self._rate, self._sound = received_s, rate, np.zeros(0, np.float32)
        old = max(len(self._sound) - 3 * rate, 0)
        self._begin_s += old / rate
        self._sound = np.concatenate([self._sound[old:], sound])

    def motion(self, time_s: float, *, listening: bool = True, sees_mouth: float = 0.0) -> VoiceMotion:
        self.listened += [time_s] if listening else []
        rest = resting_voice(time_s)
        if not (self._begin_s - JITTER_S <= time_s <= self._end_s - LOOK_AHEAD_S + 2e-3):
            return rest
        first, last = (max(round((time_s - self._begin_s + later_s) * self._rate), 0) for later_s in LOOKED_AT_S)
        loud = float(np.abs(self._sound[first:last]).max(initial=0))
        blendshapes = rest.blendshapes.copy()
        blendshapes[JAW] = loud
        return replace(rest, blendshapes=blendshapes, confidence=1.0, speaking=1.0 if loud else 0.0)

    @property
    def _end_s(self) -> float:
        return self._begin_s + len(self._sound) / self._rate


class PlainGenerator:
    """Draws a small grey picture: as light as the jaw is open. `slow_s` is how long that takes."""

    def __init__(
        self,
        slow_s: float = 0.0,
        *,
        fails_after: int | None = None,
        size: tuple[int, int] = (32, 32),
        needs_heard: bool = False,
    ) -> None:
        self.picture_size = size
        self.identity = SimpleNamespace(name="plain")
        self.rig: Any = None
        self.key_every, self.last_in_full = 1, True
        self.needs_heard = needs_heard
        self.motions: list[Motion] = []
        self.slow_s, self._fails_after = slow_s, fails_after
        self.background = Background()

    def render(self, motion: Motion) -> U8:
        if self._fails_after is not None and len(self.motions) >= self._fails_after:
            raise RuntimeError("the canvas is torn")
        self.motions = [*self.motions[-500:], motion]
        time.sleep(self.slow_s)
        grey = round(255 * float(np.clip(motion.blendshapes[JAW], 0, 1)))
        picture = np.full((*self.picture_size[::-1], 3), grey, np.uint8)
        above = picture[: len(picture) // 4]
        if self.background.kind == "transparent":
            alpha = np.full(picture.shape[:2], 255, np.uint8)
            above[:] = alpha[: len(above)] = 0
            return np.dstack([picture, alpha])
        if self.background.rgb is not None:
            above[:] = self.background.rgb
        return picture


def plain_parts(**how: Any) -> RenderParts:
    """Return such parts; `how` is the generator's. What is behind the avatar is seen in the upper quarter."""

    def before(background: Background) -> Any:
        if background.kind == "picture":
            background_bytes(background)
        generator = PlainGenerator(**how)
        generator.background = background
        return generator

    return RenderParts(PlainGenerator(**how), LoudMouth(), before)  # type: ignore[arg-type]

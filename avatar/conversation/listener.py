"""Listens to the user: sound as it arrives in, turns out, each with what was said in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import av
import numpy as np

from avatar.conversation.turns import RULES, TurnBegan, TurnEnded, TurnRules, TurnState, hear
from avatar.conversation.voice_detector import NetworkVoiceDetector, VoiceDetector
from avatar.perception.speech.activity import VoiceLevels
from avatar.perception.speech.intake import SoundIntake
from avatar.perception.speech.log_mel import RATE
from avatar.types import F32

FRAME: Final = RATE // 100
"""Samples of one moment that is loud or not: 10 ms."""
BEFORE_S: Final = 0.3
"""Sound kept from before a turn: words begin softly."""
FLOOR: Final = 1e-10
LONGEST_SAID_S: Final = 60.0
"""Of turns that were put together, so much of the last is kept."""


@dataclass(frozen=True, slots=True)
class Began:
    """The user talks; `barge_in` where that takes the floor from the avatar."""

    barge_in: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A whole turn of the user."""

    samples: F32
    """(n,) at 16 kHz, from a little before its first sound on."""
    seconds: float
    """From its first to its last sound."""
    ended_s: float
    """When its last sound arrived, on the clock of the arrivals."""

    def after(self, before: Said) -> Said:
        """Return both as one turn: `before` was not answered."""
        samples = np.concatenate([before.samples, self.samples])[-round(LONGEST_SAID_S * RATE) :]
        return Said(samples, before.seconds + self.seconds, self.ended_s)


class Listener:
    """One user's sound. Not for several threads at once; keeps one turn of sound at most."""

    def __init__(self, rules: TurnRules = RULES, detector: VoiceDetector | None = None) -> None:
        """Take how patient to be, and what tells voices from other loud sound (None: the shipped detector)."""
        self._rules, self._detector = rules, detector or NetworkVoiceDetector()
        self._intake, self._levels, self._state = SoundIntake(), VoiceLevels(), TurnState()
        self._rest = np.zeros(0, np.float32)
        kept_s = rules.longest_s + BEFORE_S
        self._kept: deque[F32] = deque(maxlen=round(kept_s * RATE / FRAME))

    @property
    def talking(self) -> bool:
        """Whether the user is in the middle of a turn."""
        return self._state.talking

    def push(self, frame: av.AudioFrame, arrival_s: float, *, avatar_has_floor: bool) -> list[Began | Said]:
        """Take a decoded frame of any format that has arrived whole at `arrival_s`; return what it begins or ends."""
        fresh = self._intake.take(frame)
        spoken = self._detector.push(fresh)
        sound = np.concatenate([self._rest, fresh])
        count = len(sound) // FRAME
        self._rest = sound[count * FRAME :]
        if not count:
            return []
        moments = sound[: count * FRAME].reshape(count, FRAME)
        level_db = 10 * np.log10(np.maximum(np.mean(np.square(moments), axis=1), FLOOR))
        loud = self._levels.push(np.asarray(level_db, np.float32)).loud
        told: list[Began | Said] = []
        for number, moment in enumerate(moments):
            self._kept.append(moment)
            self._state, event = hear(
                self._state,
                bool(loud[number]),
                FRAME / RATE,
                avatar_has_floor=avatar_has_floor,
                spoken=spoken,
                rules=self._rules,
            )
            if isinstance(event, TurnBegan):
                told.append(Began(event.barge_in))
                avatar_has_floor = False
            elif isinstance(event, TurnEnded):
                later_s = (count - 1 - number) * FRAME / RATE
                told.append(self._said(event, arrival_s - later_s))
        return told

    def _said(self, event: TurnEnded, now_s: float) -> Said:
        back = round((self._state.now_s - event.began_s + BEFORE_S) * RATE / FRAME)
        kept = list(self._kept)[-back:]
        return Said(np.concatenate(kept), event.ended_s - event.began_s, now_s - (self._state.now_s - event.ended_s))

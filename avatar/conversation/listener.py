"""Turn detection on a stream: decoded audio frames in, the beginning and end of the user's turns out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import av
import numpy as np

from avatar.conversation.turns import RULES, TurnBegan, TurnEnded, TurnState, next_turn
from avatar.conversation.voice_detector import NetworkVoiceDetector, VoiceDetector
from avatar.perception.speech.activity import VoiceLevels
from avatar.perception.speech.log_mel import FLOOR, RATE
from avatar.perception.speech.preprocessing import SpeechPreprocessor
from avatar.types import F32

FRAME: Final = RATE // 100
"""Samples of one moment that is loud or not: 10 ms."""
BEFORE_S: Final = 0.3
"""Sound kept from before a turn: words begin softly."""
LONGEST_SAID_S: Final = 60.0
"""Of turns that were put together, so much of the last is kept."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The user has begun to talk; `barge_in` where the avatar was speaking, or about to, and has to stop."""

    barge_in: bool


@dataclass(frozen=True, slots=True)
class Utterance:
    """The audio of one whole turn of the user."""

    samples: F32
    """(n,) at 16 kHz, from a little before its first sound on."""
    seconds: float
    """From its first to its last sound."""
    ended_s: float
    """When its last sound arrived, on the clock of the arrivals."""

    def after(self, before: Utterance) -> Utterance:
        """Return both as one turn: `before` was not answered."""
        samples = np.concatenate([before.samples, self.samples])[-round(LONGEST_SAID_S * RATE) :]
        return Utterance(samples, before.seconds + self.seconds, self.ended_s)


class Listener:
    """Finds turns in one user's audio. Not for several threads at once; keeps one turn of audio at most."""

    def __init__(self, detector: VoiceDetector | None = None) -> None:
        """Take a voice detector (None: the shipped one)."""
        self._detector = detector or NetworkVoiceDetector()
        self._preprocessor, self._levels, self._state = SpeechPreprocessor(), VoiceLevels(), TurnState()
        self._rest = np.zeros(0, np.float32)
        self._kept: deque[F32] = deque(maxlen=round((RULES.longest_s + BEFORE_S) * RATE / FRAME))

    @property
    def talking(self) -> bool:
        """Whether the user is in the middle of a turn."""
        return self._state.talking

    def push(self, frame: av.AudioFrame, arrival_s: float, *, avatar_has_floor: bool) -> list[TurnStarted | Utterance]:
        """Take a decoded frame of any format that has arrived whole at `arrival_s`; return the events it causes."""
        fresh = self._preprocessor.take(frame)
        spoken = self._detector.push(fresh)
        sound = np.concatenate([self._rest, fresh])
        count = len(sound) // FRAME
        self._rest = sound[count * FRAME :]
        if not count:
            return []
        moments = sound[: count * FRAME].reshape(count, FRAME)
        level_db = 10 * np.log10(np.maximum(np.mean(np.square(moments), axis=1), FLOOR))
        loud = self._levels.push(np.asarray(level_db, np.float32)).loud
        events: list[TurnStarted | Utterance] = []
        for number, moment in enumerate(moments):
            self._kept.append(moment)
            self._state, event = next_turn(
                self._state,
                bool(loud[number]),
                FRAME / RATE,
                avatar_has_floor=avatar_has_floor,
                spoken=spoken,
                rules=RULES,
            )
            if isinstance(event, TurnBegan):
                events.append(TurnStarted(event.barge_in))
                avatar_has_floor = False
            elif isinstance(event, TurnEnded):
                later_s = (count - 1 - number) * FRAME / RATE
                events.append(self._utterance(event, arrival_s - later_s))
        return events

    def _utterance(self, event: TurnEnded, now_s: float) -> Utterance:
        back = round((self._state.now_s - event.began_s + BEFORE_S) * RATE / FRAME)
        kept = list(self._kept)[-back:]
        return Utterance(
            np.concatenate(kept), event.ended_s - event.began_s, now_s - (self._state.now_s - event.ended_s)
        )

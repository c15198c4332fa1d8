"""What a face has been told to show: the standing and passing feelings, the look, the gestures, the presence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from avatar.motion.cues import HOLD_S, Attend, Cue, Feel, Gesture, Look, Mood
from avatar.motion.expression import GESTURE_S
from avatar.motion.presence import PresenceKind

MOST_GESTURES: Final = 8
"""Gestures at once; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Direction:
    """All cues so far, as far as they still count."""

    presence: PresenceKind = "idle"
    emotion: str = "neutral"
    strength: float = 0.0
    look: tuple[float, float] = (0.0, 0.0)
    """x to the picture's right and y down, -1..1."""
    passing: tuple[str, float, float] | None = None
    """A feeling that passes: its name, strength, and the moment until which it is shown in place of the other."""
    gestures: tuple[tuple[Gesture, float], ...] = ()
    """With the moments they begin at."""

    def feeling(self, time_s: float) -> tuple[str, float]:
        """Return the name and strength of the feeling to show at a moment."""
        if self.passing is not None and time_s < self.passing[2]:
            return self.passing[:2]
        return self.emotion, self.strength


def follow_cue(direction: Direction, cue: Cue, time_s: float) -> Direction:
    """Return the direction from `time_s` on, when a cue is given that `cues.check_cue` accepts. Pure."""
    match cue:
        case Mood(emotion, strength):
            return replace(direction, emotion=emotion, strength=strength, passing=None)
        case Feel(emotion, strength):
            return replace(direction, passing=(emotion, strength, time_s + HOLD_S))
        case Gesture():
            running = [pair for pair in direction.gestures if time_s - pair[1] <= GESTURE_S[pair[0].name]]
            return replace(direction, gestures=(*running, (cue, time_s))[-MOST_GESTURES:])
        case Look(x, y):
            return replace(direction, look=(x, y))
        case Attend(presence):
            return replace(direction, presence=presence)

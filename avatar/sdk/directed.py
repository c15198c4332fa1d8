"""How a program directs a face: feelings, glances, gestures, in names or in plain words."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar.motion.cues import Attend, Cue, Gesture, Look, Mood, understand
from avatar.motion.presence import PresenceKind


class Directed(ABC):
    """A face that can be told what to show besides what it says."""

    @abstractmethod
    def _open(self) -> object:
        """Raise ClosedError where nothing can be shown, not yet or no more."""

    @abstractmethod
    def _perform(self, cue: Cue) -> None:
        """Show a cue from now on. Raises CueError for values that cannot be, ClosedError."""

    def set_emotion(self, name: str, strength: float = 1.0) -> None:
        """Show one of `motion.cues.EMOTIONS` from now on, `strength` 0..1.4. Raises CueError, ClosedError."""
        self._perform(Mood(name, strength))

    def set_presence(self, presence: PresenceKind) -> None:
        """Be `listening`, `thinking` or `idle` while nothing is said. Raises CueError, ClosedError."""
        self._perform(Attend(presence))

    def look_at(self, x: float, y: float) -> None:
        """Look at a place from now on: x to the picture's right and y down, -1..1; (0, 0) is the viewer.

        Raises CueError for what is no place, ClosedError.
        """
        self._perform(Look(x, y))

    def nod(self, strength: float = 1.0) -> None:
        """Nod once. Raises ClosedError."""
        self.gesture("nod", strength)

    def gesture(self, name: str, strength: float = 1.0) -> None:
        """Make one of `motion.cues.GESTURES`. Raises CueError, ClosedError."""
        self._perform(Gesture(name, strength))

    def direct(self, cue: str) -> None:
        """Do what plain words ask for, such as "smile warmly and nod" (`docs/sdk.md` has the table).

        Raises CueError where they are not understood, ClosedError.
        """
        self._open()
        for part in understand(cue):
            self._perform(part)

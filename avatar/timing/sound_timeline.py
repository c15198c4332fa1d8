"""Where pieces of sound lie on a recording's timeline: end to end, with silence where none came.

Pieces come when they were played, a little early or late. Placing each by its own time would cut the sound into clicks;
putting them end to end would let it drift from the pictures. So they lie end to end while that is right to a tenth of a
second, and beyond it the timeline is filled up, or what comes too early waits for its time by giving way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLACK_S: Final = 0.1
"""How far a piece may lie from its own time."""


@dataclass(frozen=True, slots=True)
class SoundTimeline:
    """How far the sound of a recording has come."""

    rate: int
    """Samples a second."""
    written: int = 0
    """Samples so far."""

    def place(self, at_s: float, samples: int) -> tuple[SoundTimeline, int, int]:
        """Place a piece of so many samples that is heard from `at_s` on, seconds of the recording.

        Returns the timeline after it, how many samples of silence come before it, and how many of its first are left
        out, since other sound lies there already.
        """
        wanted, slack = round(at_s * self.rate), round(SLACK_S * self.rate)
        silence = wanted - self.written if wanted > self.written + slack else 0
        left_out = min(self.written - wanted, samples) if wanted < self.written - slack else 0
        return self._after(silence + samples - left_out), silence, left_out

    def fill(self, until_s: float) -> tuple[SoundTimeline, int]:
        """Return the timeline filled up to a time, and how many samples of silence that takes."""
        silence = max(round(until_s * self.rate) - self.written, 0)
        return self._after(silence), silence

    def _after(self, samples: int) -> SoundTimeline:
        return SoundTimeline(self.rate, self.written + samples)

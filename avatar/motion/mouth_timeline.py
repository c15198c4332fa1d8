"""The network's answers of the last seconds by time: interpolated, held and faded."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar.motion.speech_network import CLASSES, MOUTH, Mouths
from avatar.types import F32

HOLD_S: Final = 0.1
FADE_S: Final = 0.15
"""When sound stops coming the mouth is held, then closed, for this long."""


class VoiceProsody(NamedTuple):
    """How n moments of a voice are spoken."""

    level_db: F32
    """(n,), of the sound, below full scale."""
    speaking: F32
    """(n,), 0..1: somebody speaks."""
    emphasis: F32
    """(n,), -1..1: louder or quieter than lately."""
    moving: F32
    """(n,), 0..1: share of its movement that the mouth makes."""


_ENDS: Final = np.cumsum([len(MOUTH), 1, len(CLASSES), len(VoiceProsody._fields)]).tolist()


class MouthTimeline:
    """Answers in order of time, until `let_go`."""

    def __init__(self) -> None:
        self._times = np.zeros(0)
        self._rows = np.zeros((0, _ENDS[-1]), np.float32)

    def __len__(self) -> int:
        return len(self._times)

    def append(self, times: NDArray[np.float64], mouths: Mouths, prosody: VoiceProsody) -> None:
        """Add the answers of (n,) rising moments; they replace those of later ones."""
        self.replace_from(float(times[0]))
        spoken = np.stack(prosody, axis=1)
        columns = (mouths.coefficients, mouths.closure[:, None], mouths.posterior, spoken)
        self._times = np.concatenate([self._times, times])
        self._rows = np.concatenate([self._rows, np.concatenate(columns, axis=1, dtype=np.float32)])

    def replace_from(self, time_s: float) -> None:
        """Forget the answers of `time_s` and later."""
        count = int(np.searchsorted(self._times, time_s))
        self._times, self._rows = self._times[:count], self._rows[:count]

    def let_go(self, before_s: float) -> None:
        """Forget the answers of moments before `before_s`."""
        first = int(np.searchsorted(self._times, before_s))
        self._times, self._rows = self._times[first:], self._rows[first:]

    def at(self, time_s: float) -> tuple[Mouths, VoiceProsody, float] | None:
        """Return the answer and the prosody (arrays of one frame) and the confidence of a moment, if any.

        Between two answers it is interpolated; in a hole, and after the last, held and then let fade.
        """
        right = int(np.searchsorted(self._times, time_s))
        if right == 0:
            near = len(self._times) > 0 and self._times[0] - time_s < HOLD_S
            return self._split(self._rows[0], 1.0) if near else None
        before_s = float(self._times[right - 1])
        if right < len(self._times) and (span := float(self._times[right]) - before_s) < HOLD_S:
            share = np.float32((time_s - before_s) / span)
            return self._split(self._rows[right - 1] + share * (self._rows[right] - self._rows[right - 1]), 1.0)
        confidence = 1 - (time_s - before_s - HOLD_S) / FADE_S
        return self._split(self._rows[right - 1], min(confidence, 1.0)) if confidence > 0 else None

    def _split(self, row: F32, confidence: float) -> tuple[Mouths, VoiceProsody, float]:
        mouth, closure, kind, spoken, _ = np.split(row, _ENDS)
        return Mouths(mouth[None], closure, kind[None]), VoiceProsody(*spoken[:, None]), confidence

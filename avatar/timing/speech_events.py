"""Events of speech that is played: an utterance begins, ends, or is interrupted. Times are milliseconds of sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first sound of an utterance was handed over."""

    utterance: int
    label: str | None


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """An utterance was heard to its end."""

    utterance: int
    label: str | None
    heard_ms: float
    """How long it was."""
    marker_lost: bool
    """It ended because nothing more came: its end marker was missing."""


@dataclass(frozen=True, slots=True)
class SpeechInterrupted:
    """An utterance was cut short; what waited is gone."""

    utterance: int
    """The one being heard, or about to be."""
    label: str | None
    heard_ms: float
    """How much of it was heard."""
    unheard_ms: float
    """How much of what was pushed, of it and of those after it that had not begun, will never be heard."""


PlaybackEvent: TypeAlias = SpeechStarted | SpeechFinished | SpeechInterrupted

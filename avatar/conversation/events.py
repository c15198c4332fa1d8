"""Events of a conversation: captions, the start of an answer with its latency by stage, interruptions, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

STAGES: Final = ("decided", "words", "text", "sound", "sent")
"""The way from the end of the user's speech to the avatar's first sound: the turn is known to be over; what was said is
known (with speech to text only); the first sentence of the answer is there; its first sound is; that sound leaves."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Text of what the user has said, or of a sentence that the avatar begins to say now."""

    speaker: Literal["you", "avatar"]
    text: str
    """Empty where the user spoke and it was not transcribed."""
    turn: int
    seconds: float = 0.0
    """How long the user spoke."""
    unspoken: str = ""
    """Words of the avatar's text that are shown but not spoken: its voice has no sound for them."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user has cut the avatar short."""

    turn: int
    heard_ms: float
    """How much of the answer's audio was sent, milliseconds."""
    said: str
    """The sentences that were begun, joined by spaces."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The first sound of an answer is on its way."""

    turn: int
    times_s: dict[str, float]
    """When each of `ended` (the user's speech) and `STAGES` was, seconds on one clock."""

    def stage_ms(self) -> dict[str, float]:
        """Return how long each stage took after the one before it, milliseconds."""
        taken: dict[str, float] = {}
        before_s = self.times_s["ended"]
        for stage in STAGES:
            if stage in self.times_s:
                taken[stage] = round(1e3 * (self.times_s[stage] - before_s), 1)
                before_s = self.times_s[stage]
        return taken


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer failed, wholly or in its audio; the conversation goes on."""

    code: str
    message: str


ConversationEvent: TypeAlias = Caption | Interrupted | Answered | Trouble

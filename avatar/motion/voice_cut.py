"""A voice that is cut off in the middle of a word: the lips close, in a moment, from where they were."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from avatar.face.easing import ease
from avatar.motion.voice_motion import VoiceMotion, resting_voice

HUSH_S: Final = 0.065
"""How long the lips take to close when a voice is cut off."""


@dataclass(frozen=True, slots=True)
class VoiceCut:
    """The latest interruption of a voice."""

    number: int = 0
    """How many there have been."""
    time_s: float = 0.0
    """When it was cut off, on the media clock."""


@dataclass(frozen=True, slots=True)
class CutState:
    """What is remembered from one picture to the next."""

    cut: VoiceCut = VoiceCut()
    voice: VoiceMotion = field(default_factory=lambda: resting_voice(0.0))
    """The last motion of the voice itself."""
    closing: VoiceMotion | None = None
    """The mouth that was cut off, until there is another or it has closed."""


def close_when_cut(state: CutState, voice: VoiceMotion, cut: VoiceCut, time_s: float) -> tuple[CutState, VoiceMotion]:
    """Return the next state and what the voice does to the face: its own motion, or lips that close. Pure."""
    closing = state.closing
    if cut.number > state.cut.number:
        closing = state.voice
    else:
        cut = state.cut
    if closing is not None and voice.confidence <= 0:
        return CutState(cut, state.voice, closing), closing_mouth(closing, time_s - cut.time_s)
    return CutState(cut, voice), voice


def closing_mouth(voice: VoiceMotion, since_s: float) -> VoiceMotion:
    """Return what is left of a voice's mouth so long after the voice was cut off: lips that close, within `HUSH_S`."""
    share = np.float32(ease(float(np.clip(1 - since_s / HUSH_S, 0, 1))))
    return replace(
        voice,
        blendshapes=voice.blendshapes * share,
        level_db=-100.0,
        speaking=0.0,
        emphasis=0.0,
        confidence=voice.confidence * float(share > 0),
    )

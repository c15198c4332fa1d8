"""What feelings, looks and gestures do to a face, whoever moves the rest of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from avatar.face.easing import towards
from avatar.motion.cues import Gesture, emotion_offsets
from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.motion.voice_motion import PARTS_LIPS, VoiceMotion
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, Motion

FEELING_S: Final = 0.3
"""Time constant with which feelings come and go."""
EYES_S: Final = 0.05
HEAD_S: Final = 0.3
"""Time constants with which eyes, and the head after them, turn to what is looked at."""
CLOSURE_SHARE: Final = 0.7
"""How much of a feeling's mouth gives way where lips must meet."""

FULL_EXTENT: Final = 1.0
"""Of a coefficient."""

LOOK_GAZE: Final = np.array([0.24, 0.16], np.float32)
"""How far the eyes go to look fully aside and down, as shares of the eye's width."""
LOOK_TURN: Final = np.radians(np.array([-16.0, 10.0])).astype(np.float32)
"""How far the head goes with them: yaw (negative is the nose to the picture's right), pitch."""
GESTURE_S: Final = {"nod": 0.9, "shake": 1.2, "tilt": 1.8, "blink": 0.24, "wink": 0.4, "raise brows": 1.2}
"""How long each gesture takes."""


@dataclass(frozen=True, slots=True)
class Lips:
    """What lips are busy with, so that a feeling does not get in their way."""

    closed: float = 0.0
    """0..1: they must meet."""
    speaking: float = 0.0
    """0..1: somebody speaks with them."""


@dataclass(frozen=True, slots=True)
class Expression:
    """The feeling and the look that are shown, on their way to what was asked for."""

    feeling: F32 = field(default_factory=lambda: np.zeros(len(BLENDSHAPES), np.float32))
    """(52,), change of coefficients."""
    gaze: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    """(2,), x and y, shares of the eye's width."""
    turn: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    """(2,), yaw and pitch, radians."""


def lips_of(voice: VoiceMotion) -> Lips:
    """Return what a voice needs the lips for."""
    closed = float(voice.posterior[CLASSES.index("closed")]) * min(voice.confidence, 1.0)
    return Lips(closed, min(voice.speaking, 1.0))


def next_expression(
    shown: Expression, feeling: tuple[str, float], look: tuple[float, float], elapsed_s: float
) -> Expression:
    """Return the expression some time later, on its way to a feeling (name, strength) and a look (x, y). Pure.

    Raises:
        CueError: there is no such feeling.
    """
    aside = np.array(look, np.float32)
    return Expression(
        feeling=towards(shown.feeling, emotion_offsets(*feeling), elapsed_s, FEELING_S),
        gaze=towards(shown.gaze, LOOK_GAZE * aside, elapsed_s, EYES_S),
        turn=towards(shown.turn, LOOK_TURN * aside, elapsed_s, HEAD_S),
    )


def add_expression(motion: Motion, shown: Expression, lips: Lips, *, driven: float = 0.0) -> Motion:
    """Return a motion with an expression on top of it; one at rest changes nothing.

    A driver's face (`driven`, 0..1, is how much of one is shown) may be as happy already: then a feeling takes it no
    further than a coefficient's full extent, or two smiles would make a grimace.
    """
    if shown.gaze.any() or shown.turn.any():
        motion = add_look(motion, shown.gaze, shown.turn)
    if not shown.feeling.any():
        return motion
    felt = add_feeling(motion, shown.feeling, lips)
    if driven <= 0:
        return felt
    most = np.maximum(motion.blendshapes, np.float32(FULL_EXTENT + (1 - driven)))
    return replace(felt, blendshapes=np.minimum(felt.blendshapes, most))


def add_look(motion: Motion, gaze: F32, turn: F32) -> Motion:
    """Return a motion whose eyes go by (x, y), shares of the eye's width, and whose head by (yaw, pitch), radians."""
    gaze = gaze if motion.gaze is None else motion.gaze + gaze
    rotation = motion.rotation + np.array([*turn[::-1], 0], np.float32)
    return replace(motion, gaze=np.asarray(gaze, np.float32), rotation=np.asarray(rotation, np.float32))


def add_feeling(motion: Motion, feeling: F32, lips: Lips) -> Motion:
    """Add a feeling, (52,) offsets; the mouth gives way where lips must meet, and opens no further for it in speech."""
    given = feeling.copy()
    given[_MOUTH] *= np.float32(1 - CLOSURE_SHARE * lips.closed)
    given[_PARTS] *= np.float32((1 - lips.speaking) * (1 - lips.closed))
    return replace(motion, blendshapes=np.asarray(motion.blendshapes + given, np.float32))


def add_gesture(motion: Motion, gesture: Gesture, since_s: float) -> Motion:
    """Return a motion with a gesture that began so long ago; before it and after it nothing changes."""
    length_s = GESTURE_S[gesture.name]
    if not 0 <= since_s <= length_s:
        return motion
    share, strength = since_s / length_s, np.float32(gesture.strength)
    swell = np.float32(np.sin(np.pi * share) ** 2)
    turn, blendshapes = np.zeros(3, np.float32), motion.blendshapes.copy()
    if gesture.name == "nod":
        turn[0] = np.radians(8) * swell * np.sin(4 * np.pi * share - np.pi / 3)
    elif gesture.name == "shake":
        turn[1] = np.radians(10) * swell * np.sin(4 * np.pi * share)
    elif gesture.name == "tilt":
        turn[2] = np.radians(8) * swell
    elif gesture.name == "raise brows":
        for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
            blendshapes[BLENDSHAPE_INDEX[name]] += np.float32(0.6) * strength * swell
    else:
        for name in ("eyeBlinkLeft", "eyeBlinkRight") if gesture.name == "blink" else ("eyeBlinkLeft",):
            place = BLENDSHAPE_INDEX[name]
            blendshapes[place] = max(blendshapes[place], min(1.4 * swell, 1.0))
    return replace(motion, rotation=np.asarray(motion.rotation + strength * turn, np.float32), blendshapes=blendshapes)


_MOUTH: Final = list(MOUTH)
_PARTS: Final = [place for place in MOUTH if BLENDSHAPES[place].startswith(PARTS_LIPS)]

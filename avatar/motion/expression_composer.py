"""One face from all that is asked of it: idle life, presence, a voice, a feeling, a look and gestures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from avatar.motion.cues import Gesture, emotion_offsets
from avatar.motion.mixer import speak
from avatar.motion.presence import Presence, PresenceKind, be_present, next_presence
from avatar.motion.prosody import SpeakingLife
from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.motion.voice_motion import PARTS_LIPS, VoiceMotion
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, Motion

FEELING_S: Final = 0.3
"""Time constant with which feelings come and go."""
EYES_S: Final = 0.05
HEAD_S: Final = 0.3
"""Time constants with which eyes, and the head after them, turn to what is looked at."""
LIVELY_S: Final = 0.2
"""Time constant of the head's liveliness: a voice that is cut off leaves the head to come to rest by itself."""
HUSH_S: Final = 0.065
"""How long the lips take to close when a voice is cut off."""
CLOSURE_SHARE: Final = 0.7
"""How much of a feeling's mouth gives way where lips must meet."""

LOOK_GAZE: Final = np.array([0.24, 0.16], np.float32)
"""How far the eyes go to look fully aside and down, as shares of the eye's width."""
LOOK_TURN: Final = np.radians(np.array([-16.0, 10.0])).astype(np.float32)
"""How far the head goes with them: yaw (negative is the nose to the picture's right), pitch."""
GESTURE_S: Final = {"nod": 0.9, "shake": 1.2, "tilt": 1.8, "blink": 0.24, "wink": 0.4, "raise brows": 1.2}
"""How long each gesture takes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a face, from now on."""

    presence: PresenceKind = "idle"
    emotion: str = "neutral"
    strength: float = 0.0
    look: tuple[float, float] = (0.0, 0.0)
    """x to the picture's right and y down, -1..1."""
    passing: tuple[str, float, float] | None = None
    """A feeling that passes: its name, strength, and the moment until which it is shown in place of the other."""
    gestures: tuple[tuple[Gesture, float], ...] = ()
    """With the moments they begin at."""


@dataclass(frozen=True, slots=True)
class ActingState:
    """What is remembered from one picture to the next."""

    time_s: float = 0.0
    presence: Presence = field(default_factory=Presence)
    feeling: F32 = field(default_factory=lambda: np.zeros(len(BLENDSHAPES), np.float32))
    gaze: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    turn: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    lively: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    """How much somebody speaks, and with what emphasis."""


def act(
    state: ActingState, asked: Asked, idle: Motion, voice: VoiceMotion, life: SpeakingLife, *, seed: int = 0
) -> tuple[ActingState, Motion]:
    """Return the next state and the motion to show; `idle.time_s` is the present.

    Raises:
        CueError: an emotion that does not exist is asked for.
    """
    now_s = idle.time_s
    elapsed_s = max(now_s - state.time_s, 0.0)
    name, strength = asked.emotion, asked.strength
    if asked.passing is not None and now_s < asked.passing[2]:
        name, strength = asked.passing[:2]
    look = np.array(asked.look, np.float32)
    state = ActingState(
        time_s=now_s,
        presence=next_presence(state.presence, asked.presence, now_s),
        feeling=towards(state.feeling, emotion_offsets(name, strength), elapsed_s, FEELING_S),
        gaze=towards(state.gaze, LOOK_GAZE * look, elapsed_s, EYES_S),
        turn=towards(state.turn, LOOK_TURN * look, elapsed_s, HEAD_S),
        lively=towards(state.lively, np.array([voice.speaking, voice.emphasis], np.float32), elapsed_s, LIVELY_S),
    )
    motion = be_present(idle, state.presence, seed)
    speaking, emphasis = state.lively.tolist()
    motion = life.add(motion, replace(voice, speaking=speaking, emphasis=emphasis))
    motion = look_aside(motion, state.gaze, state.turn)
    if voice.confidence > 0:
        motion = speak(motion, voice, voice.confidence)
    motion = feel(motion, state.feeling, voice)
    for gesture, began_s in asked.gestures:
        motion = _gesture(motion, gesture, now_s - began_s)
    return state, motion


def hushed(voice: VoiceMotion, since_s: float) -> VoiceMotion:
    """Return what is left of a voice's mouth so long after the voice was cut off: lips that close, within `HUSH_S`."""
    left = float(np.clip(1 - since_s / HUSH_S, 0, 1))
    share = np.float32(left * left * (3 - 2 * left))
    return replace(
        voice,
        blendshapes=voice.blendshapes * share,
        embedding=voice.embedding * share,
        level_db=-100.0,
        speaking=0.0,
        emphasis=0.0,
        confidence=voice.confidence * float(share > 0),
    )


def over(gesture: Gesture, since_s: float) -> bool:
    """Return whether a gesture that began so long ago has ended."""
    return since_s > GESTURE_S[gesture.name]


def look_aside(motion: Motion, gaze: F32, turn: F32) -> Motion:
    """Return a motion whose eyes go by (x, y), shares of the eye's width, and whose head by (yaw, pitch), radians."""
    gaze = gaze if motion.gaze is None else motion.gaze + gaze
    rotation = motion.rotation + np.array([*turn[::-1], 0], np.float32)
    return replace(motion, gaze=np.asarray(gaze, np.float32), rotation=np.asarray(rotation, np.float32))


def feel(motion: Motion, feeling: F32, voice: VoiceMotion) -> Motion:
    """Add a feeling, (52,) offsets; the mouth gives way where lips must meet, and opens no further for it in speech."""
    closed = float(voice.posterior[CLASSES.index("closed")]) * min(voice.confidence, 1.0)
    given = feeling.copy()
    given[_MOUTH] *= np.float32(1 - CLOSURE_SHARE * closed)
    given[_PARTS] *= np.float32((1 - min(voice.speaking, 1.0)) * (1 - closed))
    return replace(motion, blendshapes=np.asarray(motion.blendshapes + given, np.float32))


def _gesture(motion: Motion, gesture: Gesture, since_s: float) -> Motion:
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


def towards(now: F32, goal: F32, elapsed_s: float, constant_s: float) -> F32:
    """Return what goes to a goal with a time constant, after some time."""
    return np.asarray(now + np.float32(1 - np.exp(-elapsed_s / constant_s)) * (goal - now), np.float32)


_MOUTH: Final = list(MOUTH)
_PARTS: Final = [place for place in MOUTH if BLENDSHAPES[place].startswith(PARTS_LIPS)]

"""The one composer of motion: a face from all there is at a moment, for calls, the SDK and files alike.

idle life -> presence -> a speaking head -+-> mix -> attention -> looks, feelings -> gestures -> Motion
                                 camera --+    ^
                                             voice (or lips that close where it was cut off)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from avatar.face.easing import towards
from avatar.motion.attention import Attention, UserSeen, apply_attention, next_attention
from avatar.motion.direction import Direction
from avatar.motion.expression import Expression, Lips, add_expression, add_gesture, lips_of, next_expression
from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.presence import Presence, PresenceKind, apply_presence, next_presence
from avatar.motion.prosody import SpeakingLife
from avatar.motion.talking import next_talking
from avatar.motion.voice_cut import CutState, VoiceCut, close_when_cut
from avatar.motion.voice_motion import VoiceMotion
from avatar.types import F32, FaceState, Motion

LIVELY_S: Final = 0.2
"""Time constant of the head's liveliness: a voice that is cut off leaves the head to come to rest by itself."""


class Temperament:
    """One person's way to be alive and to speak; another seed, 0 to `idle.HIGHEST_SEED`, is another person."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.idle, self.speaking = IdleLife(seed), SpeakingLife(seed)


@dataclass(frozen=True, slots=True)
class Sources:
    """What there is to move a face at one moment."""

    temperament: Temperament
    face: FaceState | None = None
    """What the driver's camera sees; None: no face, or no camera."""
    camera: Motion | None = None
    """The motion of that face."""
    voice: VoiceMotion | None = None
    """What the voice does to the face; None: no voice moves it."""
    voice_known_ahead: bool = False
    """The voice's sound was known before its time: its mouth is taken at once and as it is, and the head's liveliness
    eased in its place. Else it takes the mouth within `mixer.VOICE_IN_S`, since it may begin at any moment."""
    voice_cut: VoiceCut = field(default_factory=VoiceCut)
    """When the voice was cut off last."""
    presence: PresenceKind | None = None
    """How the avatar is there; None: as it was directed."""
    direction: Direction = field(default_factory=Direction)
    """What it was told to show."""
    user: UserSeen | None = None
    """Where the user was seen last, whom the avatar attends to."""


@dataclass(frozen=True, slots=True)
class CompositionState:
    """What is remembered from one picture to the next."""

    time_s: float = 0.0
    presence: Presence = field(default_factory=Presence)
    """Idle life's."""
    directed: Presence = field(default_factory=Presence)
    """The one that was directed, which a driver's face shows too."""
    mix: MixState = field(default_factory=MixState)
    attention: Attention = field(default_factory=Attention)
    expression: Expression = field(default_factory=Expression)
    cut: CutState = field(default_factory=CutState)
    lively: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    """How much somebody speaks, and with what emphasis."""
    talking: float = 0.0
    """How surely the driver before the camera is talking, 0..1."""


def compose(sources: Sources, state: CompositionState, time_s: float) -> tuple[CompositionState, Motion]:
    """Return the next state and the motion to show at `time_s` of the media clock. Pure: its arguments decide alone.

    A feeling is added to whatever the face does, and gives way where lips must meet; looks and gestures play on top of
    the driver's head as of idle life.

    Raises:
        CueError: a feeling is asked for that does not exist.
    """
    elapsed_s = max(time_s - state.time_s, 0.0)
    direction, seed = sources.direction, sources.temperament.seed
    cut, voice = state.cut, sources.voice
    if voice is not None:
        cut, voice = close_when_cut(cut, voice, sources.voice_cut, time_s)
    presence = next_presence(state.presence, sources.presence or direction.presence, time_s)
    lively = _next_lively(state.lively, voice, elapsed_s)

    life = apply_presence(sources.temperament.idle.motion(time_s), presence, seed)
    if voice is not None:
        speaking, emphasis = lively.tolist() if sources.voice_known_ahead else (voice.speaking, voice.emphasis)
        life = sources.temperament.speaking.add(life, replace(voice, speaking=speaking, emphasis=emphasis))
    directed = next_presence(state.directed, direction.presence, time_s)
    camera = sources.camera
    if camera is not None and directed.share("idle") < 1:
        camera = apply_presence(camera, directed, seed, own_gaze=True)
    mixed, motion = mix(state.mix, sources.face, camera, life, voice=voice, at_once=sources.voice_known_ahead)

    talking = next_talking(state.talking, sources.camera, elapsed_s)
    lips = Lips() if voice is None else lips_of(voice)
    lips = replace(lips, speaking=max(lips.speaking, talking * mixed.sees_mouth))
    user = sources.user
    if user is not None and direction.look != (0.0, 0.0):
        user = replace(user, x=0.0, y=0.0)  # told to look elsewhere
    attention = next_attention(state.attention, user, presence, time_s)
    motion = apply_attention(motion, attention, lips)
    expression = next_expression(state.expression, direction.feeling(time_s), direction.look, elapsed_s)
    motion = add_expression(motion, expression, lips, driven=mixed.camera_shown)
    for gesture, began_s in direction.gestures:
        motion = add_gesture(motion, gesture, time_s - began_s)
    return CompositionState(time_s, presence, directed, mixed, attention, expression, cut, lively, talking), motion


def _next_lively(lively: F32, voice: VoiceMotion | None, elapsed_s: float) -> F32:
    wanted = (0.0, 0.0) if voice is None else (voice.speaking, voice.emphasis)
    return towards(lively, np.array(wanted, np.float32), elapsed_s, LIVELY_S)

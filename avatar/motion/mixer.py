"""Which source moves what: head and eyes from the camera or idle life, the mouth from the camera and the voice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from avatar.face.easing import approach, ease
from avatar.face.expression_basis import load_basis
from avatar.face.implicit_keypoints import LIP_POINTS
from avatar.motion.speech_network import MOUTH
from avatar.motion.voice_motion import VoiceMotion
from avatar.types import F32, FaceState, HeardVoice, Motion, ReadExpression

EASE_IN_S: Final = 0.25
EASE_OUT_S: Final = 0.6
VOICE_IN_S: Final = 0.08
"""A voice takes the mouth this fast: the first sound must not be missed."""
VOICE_OUT_S: Final = 0.3
COVER_IN_S: Final = 0.15
COVER_OUT_S: Final = 0.4
"""How fast the voice takes a mouth that something is held before, and gives it back."""
VOICE_OVER_CAMERA: Final = 0.4
"""Share of the mouth that belongs to a speaking voice while the camera tracks well."""
MOVED: Final = 0.1
"""A landmark that some mouth coefficient moves this far, in head units, belongs to the mouth wholly."""


@dataclass(frozen=True, slots=True)
class MixState:
    """What the mixer remembers between two moments."""

    time_s: float = 0.0
    camera_share: float = 0.0
    """0 idle, 1 camera."""
    camera: Motion | None = None
    """The last motion the camera gave."""
    covered_share: float = 0.0
    """0 the camera sees the mouth, 1 something is before it."""
    voice_share: float = 0.0
    """0 no voice, 1 a voice is heard."""
    voice: VoiceMotion | None = None
    """The last motion the voice gave."""

    @property
    def camera_shown(self) -> float:
        """How much of the camera's motion is shown, 0..1: its share, eased at both ends."""
        return 0.0 if self.camera is None or self.camera_share <= 0 else ease(self.camera_share)

    @property
    def sees_mouth(self) -> float:
        """How much of the mouth is what the camera sees of it, 0..1."""
        return self.camera_shown * (1 - self.covered_share)


def mix(
    state: MixState,
    face: FaceState | None,
    camera: Motion | None,
    idle: Motion,
    *,
    voice: VoiceMotion | None = None,
    at_once: bool = False,
) -> tuple[MixState, Motion]:
    """Return the next state and the motion to show.

    A held face counts by its confidence, so a short loss eases towards rest; a lost one fades to idle life. The mouth
    belongs to the voice where no camera sees it or something covers it, and to both while it is seen and somebody
    speaks. Pure: depends on nothing but its arguments; `idle.time_s` is the present.

    Args:
        state: before.
        face: what the camera sees of the driver.
        camera: that face's motion.
        idle: life that goes on where nothing else moves the face.
        voice: what the voice does to the mouth.
        at_once: the voice has the mouth as soon and as far as it is heard, without easing in and out.
    """
    target = 0.0 if face is None or camera is None else face.confidence
    first = state.camera is None and camera is not None
    elapsed = max(idle.time_s - state.time_s, 0.0)
    share = target if first else approach(state.camera_share, target, elapsed, EASE_IN_S, EASE_OUT_S)
    hidden = float(face is not None and face.mouth_covered)
    confidence = 0.0 if voice is None else voice.confidence
    voice_share = confidence if at_once else approach(state.voice_share, confidence, elapsed, VOICE_IN_S, VOICE_OUT_S)
    state = MixState(
        time_s=idle.time_s,
        camera_share=share,
        camera=camera if camera is not None else state.camera,
        covered_share=approach(state.covered_share, hidden, elapsed, COVER_IN_S, COVER_OUT_S),
        voice_share=voice_share,
        voice=voice if voice is not None else state.voice,
    )
    if state.camera is None or share <= 0:
        motion = idle
    elif share >= 1:
        motion = state.camera
    else:
        motion = blend(idle, state.camera, state.camera_shown)
    if state.voice is None or voice_share <= 0:
        return state, motion
    seen, over_camera = state.sees_mouth, VOICE_OVER_CAMERA * state.voice.speaking
    motion = speak(motion, state.voice, voice_share * (1 - seen + seen * over_camera))
    if state.voice.heard is None:
        return state, motion
    whole = voice_share * heard_share(seen, state.voice.speaking)
    return state, replace(motion, heard=HeardVoice(state.voice.heard, whole))


def heard_share(seen: float, speaking: float) -> float:
    """Return how far a mouth is drawn from what is heard, 0..1, where a camera sees `seen` of it.

    Two drawn mouths cannot be shown at once, each in part: who speaks has all of it.
    """
    return 1 - seen + seen * speaking


def speak(motion: Motion, voice: VoiceMotion, share: float) -> Motion:
    """Return a motion whose mouth is the voice's, `share` of the way; the rest of the face stays as it is."""
    blendshapes = motion.blendshapes.copy()
    mouth = list(MOUTH)
    blendshapes[mouth] += np.float32(share) * (voice.blendshapes[mouth] - blendshapes[mouth])
    residual = motion.residual
    if residual is not None:
        residual = (residual * (1 - np.float32(share) * mouth_weights()[:, None])).astype(np.float32)
    read = motion.read
    if read is not None:
        seen = read.share.copy()
        seen[list(LIP_POINTS)] *= np.float32(1 - share)
        read = replace(read, share=seen)
    return replace(motion, blendshapes=blendshapes, residual=residual, read=read)


@cache
def mouth_weights() -> F32:
    """Return (478,), how far each landmark belongs to the mouth, 0..1: the most any mouth coefficient moves it."""
    reach = np.linalg.norm(load_basis().offsets[list(MOUTH)], axis=2).max(axis=0)
    return np.asarray(np.clip(reach / MOVED, 0, 1), np.float32)


def blend(first: Motion, second: Motion, share: float) -> Motion:
    """Return the motion between two, `share` of the way to the second; its time is the first's.

    Where both have an expression that was read, it is the second's: there is one driver.
    """

    def fading(read: ReadExpression | None, kept: float) -> ReadExpression | None:
        return None if read is None else replace(read, share=read.share * np.float32(kept))

    def between(a: F32, b: F32) -> F32:
        return (a + (b - a) * np.float32(share)).astype(np.float32)

    def optional(a: F32 | None, b: F32 | None) -> F32 | None:
        if a is None and b is None:
            return None
        there = a if a is not None else b
        assert there is not None  # noqa: S101 - one of the two is, for the type checker
        rest = np.zeros_like(there)
        return between(rest if a is None else a, rest if b is None else b)

    return replace(
        first,
        blendshapes=between(first.blendshapes, second.blendshapes),
        rotation=between(first.rotation, second.rotation),
        translation=between(first.translation, second.translation),
        scale=first.scale + (second.scale - first.scale) * share,
        gaze=optional(first.gaze, second.gaze),
        residual=optional(first.residual, second.residual),
        read=fading(second.read, share) or fading(first.read, 1 - share),
    )

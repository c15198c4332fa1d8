"""From what the speech network says to a face: closures that close, a mouth that rests, calm to lively."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.face.easing import smooth_step
from avatar.motion.mouth_timeline import VoiceProsody
from avatar.motion.speech_network import CLASSES, MOUTH, Mouths
from avatar.types import BLENDSHAPES, F32

CLOSES: Final = (0.1, 0.25)
"""Below the first the mouth is left alone, above the second shut: the geometric mean of the closure and of the
probability of p, b and m. Low, since of a voice it does not know the network is never sure."""
OPENS: Final = (0.1, 0.25)
"""Probability of a vowel at which lips begin to part again, and at which nothing shuts them: a closure's end is heard
later than the vowel's beginning."""
TUCKS: Final = (0.1, 0.35)
"""Probability of f and v at which the lower lip begins to go under the teeth, and at which it is there."""
FREES: Final = (0.15, 0.4)
"""Probability of a vowel at which the lower lip begins to come out again, and at which it is free."""
PURSES: Final = (0.2, 0.6)
"""Probability of a rounded mouth at which lips begin to be pursed, and at which they are."""
CLOSED: Final = {"mouthRollLower": 0.14, "mouthRollUpper": 0.2, "mouthPressLeft": 0.12, "mouthPressRight": 0.12}
"""Lips that touch, also on a face whose lips rest a little apart."""
TUCKED: Final = {
    "mouthRollLower": 0.75, "mouthUpperUpLeft": 0.7, "mouthUpperUpRight": 0.7, "mouthShrugLower": 0.1, "jawOpen": 0.0,
    "mouthLowerDownLeft": 0.0, "mouthLowerDownRight": 0.0,
}  # fmt: skip
"""The lower lip under the upper teeth, and the upper lip so high that they are seen: a lower one looks like a p."""
PURSED: Final = 0.9
"""`mouthPucker` of rounded lips, at least; they neither stretch nor smile."""
PARTS_LIPS: Final = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthShrugUpper", "mouthStretch")
CALM, LIVELY = 0.7, 1.35
"""Gains of the emotional range's ends."""


@dataclass(frozen=True, slots=True)
class VoiceMotion:
    """What a voice does to a face at one moment."""

    time_s: float
    blendshapes: F32
    """(52,), change from rest; only jaw and mouth are not 0."""
    posterior: F32
    """(7,), probabilities of `speech_network.CLASSES`."""
    level_db: float
    """Of the sound, below full scale; -100 when silent."""
    speaking: float
    """0..1: somebody speaks; changes over a quarter of a second."""
    emphasis: float
    """-1..1: louder or quieter than the voice has been lately: what head and brows follow."""
    confidence: float
    """1 while sound of this moment was heard; falls to 0 when it stops coming."""
    heard: F32 | None = None
    """What a tier that draws the mouth from sound hears of it by itself: `VoiceListener.listen`."""


def resting_voice(time_s: float) -> VoiceMotion:
    """Return what a voice does that is not heard: nothing."""
    silent = np.zeros(len(CLASSES), np.float32)
    silent[CLASSES.index("silence")] = 1
    return VoiceMotion(time_s, np.zeros(len(BLENDSHAPES), np.float32), silent, -100.0, 0.0, 0.0, 0.0)


def mouth_coefficients(
    coefficients: F32,
    closure: F32,
    posterior: F32,
    moving: F32,
    liveliness: float = 1.0,
) -> F32:
    """Return the (n, 27) coefficients `MOUTH` to show: the network's, closed where lips touch, at rest when it rests.

    Args:
        coefficients: (n, 27), the network's.
        closure: (n,), 0..1.
        posterior: (n, 7), probabilities of `CLASSES`.
        moving: (n,), 0..1, share of its movement that the mouth makes (`mouth_rest`).
        liveliness: 0 calm, 1 as trained, 2 lively.
    """
    gain = np.interp(liveliness, [0, 1, 2], [CALM, 1.0, LIVELY]).astype(np.float32)
    touching = np.sqrt(closure * posterior[:, CLASSES.index("closed")])
    vowel = posterior[:, _VOWELS].sum(axis=1)
    shut = (smooth_step(touching, *CLOSES) * (1 - smooth_step(vowel, *OPENS)))[:, None]
    mouth = _pursed(np.clip(coefficients, -0.3, 1.2), posterior[:, CLASSES.index("rounded")]) * gain
    tuck = (smooth_step(posterior[:, CLASSES.index("lip_teeth")], *TUCKS) * (1 - smooth_step(vowel, *FREES)))[:, None]
    mouth = np.where(_TUCKS, mouth + tuck * (_TUCKED - mouth), mouth)
    closed = np.where(_PARTS, np.minimum(mouth, 0), mouth)
    closed = np.where(_CLOSED > 0, _CLOSED, closed)
    shown = mouth + shut * (closed - mouth)
    return np.asarray(shown * moving[:, None], np.float32)


def voice_motion(
    time_s: float, mouths: Mouths, prosody: VoiceProsody, confidence: float, liveliness: float
) -> VoiceMotion:
    """Return what a voice does at one moment, from the network's answer (arrays of one frame)."""
    blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
    shown = mouth_coefficients(mouths.coefficients, mouths.closure, mouths.posterior, prosody.moving, liveliness)
    blendshapes[list(MOUTH)] = shown[0] * np.float32(confidence)
    return VoiceMotion(
        time_s=time_s,
        blendshapes=blendshapes,
        posterior=mouths.posterior[0],
        level_db=float(prosody.level_db[0]),
        speaking=float(prosody.speaking[0]) * confidence,
        emphasis=float(prosody.emphasis[0]) * confidence,
        confidence=confidence,
    )


def _pursed(coefficients: F32, rounded: F32) -> F32:
    """Return (n, 27) coefficients whose lips are rounded where (n,) probabilities say so."""
    wanted = np.where(_SPREADS, 0, coefficients)
    wanted[:, _PUCKER] = np.maximum(wanted[:, _PUCKER], PURSED)
    return np.asarray(coefficients + smooth_step(rounded, *PURSES)[:, None] * (wanted - coefficients), np.float32)


_VOWELS: Final = [CLASSES.index(name) for name in ("rounded", "wide", "open")]
_NAMES: Final = [BLENDSHAPES[place] for place in MOUTH]
_PUCKER: Final = _NAMES.index("mouthPucker")
_SPREADS: Final = np.array([name.startswith(("mouthStretch", "mouthSmile")) for name in _NAMES])
_PARTS: Final = np.array([name.startswith(PARTS_LIPS) for name in _NAMES])
_TUCKS: Final = np.array([name in TUCKED for name in _NAMES])
_TUCKED: Final = np.array([TUCKED.get(name, 0.0) for name in _NAMES], np.float32)
_CLOSED: Final = np.array([CLOSED.get(name, 0.0) for name in _NAMES], np.float32)

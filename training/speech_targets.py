"""Mouth targets of phones: the shape of each phone, and coarticulation between neighbours.

Coarticulation after Cohen & Massaro ("Modeling coarticulation in synthetic visual speech", 1993): every sound pulls on
every coefficient with a dominance that fades with distance in time; sounds that do not care for a coefficient leave it
to their neighbours. Lips that must meet do meet, whatever the neighbours want.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from avatar.motion.speech_network import CLASSES, MOUTH
from avatar.motion.voice_motion import CLOSED, TUCKED
from avatar.perception.speech.log_mel import HOP, RATE, WINDOW
from avatar.types import BLENDSHAPES, F32
from training.speech_labels import SILENCE, Phone

BILABIAL: Final = frozenset("pbm")
LABIODENTAL: Final = frozenset("fv")
ROUNDED: Final = frozenset("uʉʊwʍoɔ")
WIDE: Final = frozenset("iɪᵻje")
OPEN: Final = frozenset("ɑæʌɛəɐɒaɜɚ")

SHAPES: Final[dict[str, dict[str, float]]] = {
    SILENCE: {},
    "pbm": CLOSED,
    "fv": TUCKED,
    "ɑɒ": {"jawOpen": 0.6, "LowerDown": 0.15, "UpperUp": 0.06},
    "a": {"jawOpen": 0.55, "LowerDown": 0.18, "UpperUp": 0.08, "Stretch": 0.04},
    "æ": {"jawOpen": 0.46, "LowerDown": 0.22, "UpperUp": 0.12, "Stretch": 0.12, "Smile": 0.08},
    "ʌɐ": {"jawOpen": 0.38, "LowerDown": 0.14},
    "ə": {"jawOpen": 0.24, "LowerDown": 0.12},
    "ɛ": {"jawOpen": 0.34, "LowerDown": 0.2, "UpperUp": 0.08, "Stretch": 0.1, "Smile": 0.05},
    "e": {"jawOpen": 0.22, "LowerDown": 0.24, "UpperUp": 0.1, "Stretch": 0.2, "Smile": 0.15},
    "ɜɚ": {"jawOpen": 0.22, "Funnel": 0.25, "Pucker": 0.1},
    "ɪᵻ": {"jawOpen": 0.16, "LowerDown": 0.22, "UpperUp": 0.06, "Stretch": 0.16, "Smile": 0.1},
    "ij": {"jawOpen": 0.1, "LowerDown": 0.3, "UpperUp": 0.14, "Stretch": 0.34, "Smile": 0.22},
    "ɔ": {"jawOpen": 0.42, "Funnel": 0.35, "Pucker": 0.4},
    "o": {"jawOpen": 0.32, "Funnel": 0.3, "Pucker": 0.7},
    "ʊ": {"jawOpen": 0.24, "Funnel": 0.3, "Pucker": 0.65},
    "uʉ": {"jawOpen": 0.24, "Funnel": 0.22, "Pucker": 1.05},
    "wʍ": {"jawOpen": 0.17, "Funnel": 0.15, "Pucker": 1.1},
    "ɹr": {"jawOpen": 0.13, "Funnel": 0.35, "Pucker": 0.25},
    "l": {"jawOpen": 0.2, "LowerDown": 0.15},
    "tdnszɾ": {"jawOpen": 0.07, "LowerDown": 0.24, "UpperUp": 0.08, "Stretch": 0.04},
    "θð": {"jawOpen": 0.13, "LowerDown": 0.16, "UpperUp": 0.06},
    "ʃʒ": {"jawOpen": 0.08, "Funnel": 0.5, "Pucker": 0.25},
    "kɡŋhxʔ": {"jawOpen": 0.17, "LowerDown": 0.1},
}  # fmt: skip
"""Coefficients for each letter of IPA; `mouth` and sides may be left out: `Press` is both `mouthPress*`. Lips that meet
or tuck do so as `voice_motion` shows them. Found by rendering them on the built-in faces and looking: the lower lip
under the teeth, lips narrow, teeth shown, and so on."""

DOMINANCE: Final[dict[str, tuple[float, float, float]]] = {
    # of jaw and lip opening, of rounding, of spreading
    SILENCE: (1.0, 0.6, 0.6),
    "pbm": (0.25, 0.1, 0.1),
    "fv": (0.6, 0.3, 0.3),
    "tdnszɾθð": (0.6, 0.2, 0.25),
    "ʃʒ": (0.7, 1.0, 0.6),
    "ɹr": (0.6, 0.6, 0.5),
    "l": (0.4, 0.15, 0.15),
    "kɡŋhxʔ": (0.3, 0.1, 0.1),
    "wʍ": (1.0, 1.6, 1.2),
    "uʉ": (1.0, 1.5, 1.2),
    "ij": (1.0, 1.1, 1.4),
    "ə": (0.6, 0.4, 0.4),
}
BEFORE_S, AFTER_S = 0.055, 0.045
"""How far a sound reaches out before its start and after its end (e-folding)."""
SMOOTHING_S: Final = 0.018
CLOSURE_RAMP_S: Final = 0.055
"""How long lips take to meet."""
RELEASE_RAMP_S: Final = 0.04
"""How long they take to part: the burst of p and b drives them."""
SHORTEST_CLOSURE_S: Final = 0.05
LOUDNESS_REACH: Final = (0.65, 1.2)
"""How much less or more a quiet or loud syllable opens."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a network should say of n frames."""

    mouth: F32
    """(n, 27), coefficients `MOUTH`."""
    closure: F32
    """(n,), 0..1."""
    kind: F32
    """(n,), index into `CLASSES`."""


def _expanded(shape: dict[str, float]) -> F32:
    """Return (27,) coefficients of a shape given in short."""
    values = np.zeros(len(MOUTH), np.float32)
    for short, value in shape.items():
        names = (short,) if short in BLENDSHAPES else (f"mouth{short}", f"mouth{short}Left", f"mouth{short}Right")
        for index, place in enumerate(MOUTH):
            if BLENDSHAPES[place] in names:
                values[index] = value
    return values


SHAPE_OF: Final = {
    letter: _expanded(shape)
    for letters, shape in SHAPES.items()
    for letter in ((letters,) if letters == SILENCE else letters)
}
DOMINANCE_OF: Final = {
    letter: values
    for letters, values in DOMINANCE.items()
    for letter in ((letters,) if letters == SILENCE else letters)
}
CLOSED_SHAPE: Final = SHAPE_OF["p"]
_NAMES: Final = [BLENDSHAPES[place] for place in MOUTH]
_GROUP: Final = np.array(
    [1 if "Pucker" in n or "Funnel" in n else 2 if "Stretch" in n or "Smile" in n else 0 for n in _NAMES]
)
OPENING: Final = np.array([n == "jawOpen" or "LowerDown" in n or "UpperUp" in n for n in _NAMES])


def frame_times(count: int) -> F32:
    """Return the (count,) seconds at the middle of each log-mel frame."""
    return ((np.arange(count) * HOP + WINDOW / 2) / RATE).astype(np.float32)


def mouth_class(ipa: str) -> int:
    """Return the index into `CLASSES` of a sound of one letter, or of silence."""
    groups = ((SILENCE,), BILABIAL, LABIODENTAL, ROUNDED, WIDE, OPEN)
    return next((index for index, group in enumerate(groups) if ipa in group), len(CLASSES) - 1)


def _simple(phones: list[Phone]) -> list[Phone]:
    """Return phones of one letter each: diphthongs and affricates are two in a row."""
    simple: list[Phone] = []
    for phone in phones:
        letters = [phone.ipa] if phone.ipa == SILENCE else [c for c in phone.ipa if c in SHAPE_OF] or ["ə"]
        step = (phone.end_s - phone.start_s) / len(letters)
        simple += [
            Phone(letter, phone.start_s + index * step, phone.start_s + (index + 1) * step)
            for index, letter in enumerate(letters)
        ]
    return simple


def mouth_targets(phones: list[Phone], loudness_db: F32) -> Targets:
    """Return the mouths that say `phones`.

    Args:
        phones: in order, covering the whole time.
        loudness_db: (n,), level of each frame relative to the voice's usual one; louder syllables open more.
    """
    count = len(loudness_db)
    times = frame_times(count)
    letters = _simple(phones)
    starts = np.array([phone.start_s for phone in letters], np.float32)[:, None]
    ends = np.array([phone.end_s for phone in letters], np.float32)[:, None]
    shapes = np.stack([SHAPE_OF[phone.ipa] for phone in letters])
    strength = np.array([DOMINANCE_OF.get(phone.ipa, (1.0, 1.0, 1.0)) for phone in letters], np.float32)
    # A pause shorter than a breath does not bring the mouth to rest.
    short = np.array([phone.ipa == SILENCE and phone.end_s - phone.start_s < 0.15 for phone in letters])
    strength[short] *= np.float32(0.4)

    reach = np.exp(-np.maximum(starts - times, 0) / BEFORE_S - np.maximum(times - ends, 0) / AFTER_S)
    mouth = np.zeros((count, len(MOUTH)), np.float32)
    for group in range(3):
        pull = reach * strength[:, group : group + 1]
        of_group = group == _GROUP
        mouth[:, of_group] = (pull.T @ shapes[:, of_group]) / np.maximum(pull.sum(axis=0), 1e-6)[:, None]
    loud = np.clip(1 + (loudness_db + 6) / 30, *LOUDNESS_REACH)
    mouth[:, OPENING] *= gaussian_filter1d(loud, 6, mode="nearest")[:, None]
    mouth = gaussian_filter1d(mouth, SMOOTHING_S * RATE / HOP, axis=0, mode="nearest")

    closure = np.zeros(count, np.float32)
    for phone in phones:
        if phone.ipa in BILABIAL:
            closure = np.maximum(closure, _held(times, *_contact(phone), RELEASE_RAMP_S))
        elif phone.ipa in LABIODENTAL:
            tucked = _held(times, phone.start_s, phone.end_s)[:, None]
            mouth += tucked * (SHAPE_OF["f"] - mouth) * np.where(_GROUP == 0, 0.9, 0.2)
    mouth += closure[:, None] * (np.where(_GROUP == 0, CLOSED_SHAPE, 0.7 * mouth) - mouth)
    return Targets(mouth.astype(np.float32), closure, _classes(letters, times))


def _contact(phone: Phone) -> tuple[float, float]:
    """Return when the lips touch: m throughout, p and b until they burst."""
    length = phone.end_s - phone.start_s
    touching = max(length if phone.ipa == "m" else 0.8 * length, SHORTEST_CLOSURE_S)
    return phone.start_s, phone.start_s + touching


def _held(times: F32, start_s: float, end_s: float, release_s: float = CLOSURE_RAMP_S) -> F32:
    """Return 1 from start to end with smooth ramps outside, (n,)."""
    away = np.maximum(np.maximum((start_s - times) / CLOSURE_RAMP_S, (times - end_s) / release_s), 0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.minimum(away, 1)), np.float32)


def _classes(phones: list[Phone], times: F32) -> F32:
    edges = np.array([phone.end_s for phone in phones[:-1]], np.float32)
    kinds = np.array([mouth_class(phone.ipa) for phone in phones], np.int64)
    return np.asarray(kinds[np.searchsorted(edges, times, side="right")])

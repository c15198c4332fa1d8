"""Stage directions in plain words: what an avatar understands, and what each makes of a face.

    cue       = part {("," | ";" | "and" | "then" | "while") part}        "smile warmly and nod"
    part      = words of one row of `CUES`, with any words of `DEGREES` and `FILLERS` between or around them
              | "neutral", which ends the feelings, the look and the presence

`EMOTIONS` says how a feeling looks: offsets that are added to whatever the face does. None of them parts the lips
while somebody speaks, and near a closure the mouth's share gives way, so that p, b and m stay shut in any mood.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from avatar.errors import CueError
from avatar.motion.presence import PRESENCES, PresenceKind
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32


def _both(**sides: float) -> dict[str, float]:
    """Return offsets of both sides of the face for names without Left and Right."""
    return {f"{name}{side}": value for name, value in sides.items() for side in ("Left", "Right")}


EMOTIONS: Final[dict[str, dict[str, float]]] = {
    "neutral": {},
    "happy": _both(mouthSmile=0.55, cheekSquint=0.4, eyeSquint=0.2, mouthDimple=0.12),
    "warm": _both(mouthSmile=0.38, cheekSquint=0.35, eyeSquint=0.28) | {"browInnerUp": 0.12},
    "amused": _both(mouthSmile=0.45, cheekSquint=0.3, browOuterUp=0.25, mouthDimple=0.2),
    "sad": _both(mouthFrown=0.45, eyeSquint=0.12) | {"browInnerUp": 0.6, "mouthShrugLower": 0.2},
    "worried": _both(browDown=0.15, mouthFrown=0.2, eyeSquint=0.1, mouthPress=0.12) | {"browInnerUp": 0.65},
    "surprised": _both(browOuterUp=0.6, eyeWide=0.5) | {"browInnerUp": 0.6, "jawOpen": 0.15},
    "angry": _both(browDown=0.65, eyeSquint=0.3, noseSneer=0.25, mouthPress=0.25, mouthFrown=0.2),
    "curious": _both(eyeWide=0.15) | {"browInnerUp": 0.2, "browOuterUpLeft": 0.5, "browOuterUpRight": 0.25},
    "doubtful": {"browDownLeft": 0.35, "browOuterUpRight": 0.45, "mouthLeft": 0.15} | _both(eyeSquint=0.2),
    "disgusted": _both(noseSneer=0.55, browDown=0.35, eyeSquint=0.3, mouthFrown=0.3),
    "calm": _both(eyeSquint=0.08, mouthSmile=0.08),
}
"""Full strength of each feeling, as changes of ARKit coefficients. After the action units of Ekman and Friesen's Facial
Action Coding System (happy 6 + 12, sad 1 + 4 + 15, surprised 1 + 2 + 5 + 26, angry 4 + 7 + 9 + 24, ...), at the weaker
levels of talk."""

GESTURES: Final = ("nod", "shake", "tilt", "blink", "wink", "raise brows")
"""Short moves of the head and the eyes; `expression` makes them."""

HOLD_S: Final = 4.0
"""A feeling that was directed, not set, passes after so long."""
MOST_WAITING: Final = 64
"""Cues that may wait for the next picture; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Mood:
    """Show a feeling from now on."""

    emotion: str
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Feel:
    """Show a feeling for a while."""

    emotion: str
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Gesture:
    """Make a short move."""

    name: str
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """Look somewhere: x to the picture's right and y down, -1..1; (0, 0) is at the viewer."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Attend:
    """Listen, think, or neither."""

    presence: PresenceKind


Cue: TypeAlias = Mood | Feel | Gesture | Look | Attend

CUES: Final[dict[str, Cue]] = {
    "smile": Feel("happy", 0.8),
    "grin": Feel("happy"),
    "beam": Feel("happy"),
    "smile warmly": Feel("warm"),
    "smirk": Feel("amused", 0.7),
    "laugh": Feel("amused"),
    "frown": Feel("angry", 0.5),
    "pout": Feel("sad", 0.7),
    **{f"{verb} {name}": Feel(name) for verb in ("look", "be", "feel", "seem") for name in EMOTIONS if name},
    "look concerned": Feel("worried", 0.8),
    "look confused": Feel("doubtful", 0.8),
    "look friendly": Feel("warm", 0.8),
    "look interested": Feel("curious", 0.8),
    "look serious": Feel("neutral"),
    "relax": Feel("neutral"),
    "nod": Gesture("nod"),
    "agree": Gesture("nod"),
    "shake head": Gesture("shake"),
    "disagree": Gesture("shake"),
    "tilt head": Gesture("tilt"),
    "blink": Gesture("blink"),
    "wink": Gesture("wink"),
    "raise brows": Gesture("raise brows"),
    "raise eyebrows": Gesture("raise brows"),
    "look left": Look(-0.7, 0.0),
    "look right": Look(0.7, 0.0),
    "look up": Look(0.0, -0.6),
    "look down": Look(0.0, 0.6),
    "look away": Look(0.6, 0.15),
    "look at me": Look(0.0, 0.0),
    "look at viewer": Look(0.0, 0.0),
    "look at camera": Look(0.0, 0.0),
    "look straight": Look(0.0, 0.0),
    "listen": Attend("listening"),
    "think": Attend("thinking"),
    "rest": Attend("idle"),
}
"""Left and right are the picture's, as the viewer sees them."""

NEUTRAL: Final[tuple[Cue, ...]] = (Mood("neutral"), Look(0.0, 0.0), Attend("idle"))
"""What the cue "neutral" asks for."""

DEGREES: Final = {
    "barely": 0.25, "slightly": 0.5, "little": 0.5, "gently": 0.6, "softly": 0.6, "somewhat": 0.7, "clearly": 1.1,
    "very": 1.25, "broadly": 1.25, "deeply": 1.25, "strongly": 1.3, "extremely": 1.4,
}  # fmt: skip
"""Factors of a cue's strength."""
FILLERS: Final = frozenset(
    ("a", "an", "at", "bit", "the", "your", "his", "her", "its", "their", "please", "now", "again", "once", "head")
)
LONGEST_CUE: Final = 200
"""Letters of one cue."""

_PARTS: Final = re.compile(r"[,;.!]+|\b(?:and|then|while)\b")
_ROWS: Final = [
    (frozenset(words.split()), words.split(), cue)
    for words, cue in sorted(CUES.items(), key=lambda row: -len(row[0].split()))
]
"""The words of each cue, as a set and in their order; those of most words first."""


def understand(text: str) -> tuple[Cue, ...]:
    """Return what a direction such as "smile warmly and nod" asks for, in its order.

    Raises:
        CueError: a part of it is not understood, or it is empty, far too long or no text.
    """
    if not isinstance(text, str):
        raise CueError(f"A cue is text, not {type(text).__name__}.")
    if len(text) > LONGEST_CUE:
        raise CueError(f"A cue of {len(text)} letters is too long: at most {LONGEST_CUE}.")
    parts = [part.split() for part in _PARTS.split(re.sub(r"[^a-z,;.! ]+", " ", text.lower())) if part.split()]
    if not parts:
        raise CueError(f"The cue {text!r} says nothing. {_understood()}")
    return tuple(cue for words in parts for cue in _understand_part(words, text))


def check_cue(cue: Cue) -> None:
    """Accept a cue that can be performed. Raises CueError, which names what can."""
    match cue:
        case Mood(name, strength) | Feel(name, strength):
            emotion_offsets(name, strength)
        case Gesture(name, strength):
            if name not in GESTURES:
                raise CueError(f"There is no gesture {name!r}: choose one of {', '.join(GESTURES)}.")
            if not _is_within(strength, 0, 2):
                raise CueError(f"A gesture's strength is a number from 0 to 2, not {strength!r}.")
        case Look(x, y):
            if not (_is_within(x, -1, 1) and _is_within(y, -1, 1)):
                raise CueError(f"({x!r}, {y!r}) is no place to look at: both are from -1 to 1.")
        case Attend(presence):
            if presence not in PRESENCES or presence == "speaking":
                choices = ", ".join(kind for kind in PRESENCES if kind != "speaking")
                raise CueError(f"There is no presence {presence!r} to choose: {choices}; speaking comes with speech.")


def emotion_offsets(name: str, strength: float = 1.0) -> F32:
    """Return the (52,) change of coefficients of an emotion, `strength` 0..1.4 of the way.

    Raises:
        CueError: there is no emotion of that name, or the strength is no number of that range.
    """
    if not isinstance(name, str) or name not in EMOTIONS:
        raise CueError(f"There is no emotion {name!r}: choose one of {', '.join(EMOTIONS)}.")
    if not _is_within(strength, 0, max(DEGREES.values())):
        raise CueError(f"An emotion's strength is a number from 0 to {max(DEGREES.values())}, not {strength!r}.")
    offsets = np.zeros(len(BLENDSHAPES), np.float32)
    for coefficient, value in EMOTIONS[name].items():
        offsets[BLENDSHAPE_INDEX[coefficient]] = value * strength
    return offsets


def _is_within(value: object, low: float, high: float) -> bool:
    """Return whether something is a number, Python's or NumPy's, of a range."""
    return isinstance(value, int | float | np.number) and bool(low <= value <= high)


def _understand_part(words: list[str], text: str) -> tuple[Cue, ...]:
    if [word for word in words if word not in FILLERS] == ["neutral"]:
        return NEUTRAL
    given = frozenset(words)
    for needed, row, cue in _ROWS:
        if not needed <= given:
            continue
        rest = list(words)
        for word in row:
            rest.remove(word)
        if all(word in DEGREES or word in FILLERS for word in rest):
            return (_by(cue, [DEGREES[word] for word in rest if word in DEGREES]),)
    phrase = " ".join(words)
    nearest = difflib.get_close_matches(phrase, (*CUES, "neutral"), n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise CueError(f"{phrase!r} in the cue {text!r} is not understood.{hint} {_understood()}")


def _by(cue: Cue, degrees: list[float]) -> Cue:
    """Return a cue made stronger or weaker."""
    factor = float(np.prod(degrees)) if degrees else 1.0
    match cue:
        case Feel(emotion, strength):
            return Feel(emotion, min(strength * factor, max(DEGREES.values())))
        case Gesture(name, strength):
            return Gesture(name, min(strength * factor, max(DEGREES.values())))
        case Look(x, y):
            return Look(float(np.clip(x * factor, -1, 1)), float(np.clip(y * factor, -1, 1)))
        case _:
            return cue


def _understood() -> str:
    looks = [words for words in CUES if not words.startswith(("be ", "feel ", "seem "))]
    return f"Understood: {', '.join(looks)}, neutral; with {', '.join(DEGREES)}."

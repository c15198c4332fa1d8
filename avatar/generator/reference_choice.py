"""Which frames of a clip show most of what a person's rest portrait does not: a pure choice over measured frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.generator.enrol import MIN_FACE_PX
from avatar.types import BLENDSHAPES, F32

MAX_TURN_DEG: Final = 25.0
"""Beyond this the far side of mouth and eyes is foreshortened too much to be pasted into a frontal face."""
BORDER_SHARE: Final = 0.01
"""How close to the picture's edge, as a share of the face, a face may come and still be whole."""
SHARP_SHARE: Final = 0.5
"""A frame with less than this share of the clip's usual sharpness (its upper quartile) is blurred."""
OWN_WEIGHT, OTHER_WEIGHT = 1.0, 0.2
JAW_WEIGHT: Final = 2.0
BLINK_WEIGHT: Final = 0.6
"""How much a difference in a coefficient counts, of mouth and eyes and of the rest: what an open mouth or a closed eye
shows is what geometry has not."""
TURN_UNIT_DEG: Final = 40.0
"""A turn by this many degrees is as far as a coefficient's full range."""
LEAST_GAIN: Final = 0.3
"""A frame nearer than this to one already chosen adds nothing worth keeping."""


@dataclass(frozen=True, slots=True)
class MeasuredFrame:
    """What is known of the one face in a frame."""

    blendshapes: F32
    """(52,), 0..1."""
    pitch_deg: float
    yaw_deg: float
    """+ is the nose to the picture's left."""
    face_px: float
    """Longer side of the face's box."""
    border_share: float
    """Distance of the face's box from the nearest edge of the picture, as a share of `face_px`; below 0 beyond it."""
    sharpness: float
    """Variance of the Laplacian over the face at a fixed size; comparable within one clip only."""


@dataclass(frozen=True, slots=True)
class ChosenFrame:
    """One frame worth keeping."""

    index: int
    gain: float
    """Distance to the nearest portrait chosen before it; 0 for a rest portrait."""
    adds: str
    """What it shows that those do not, for people to read."""


@dataclass(frozen=True, slots=True)
class RejectedFrames:
    """How many frames were passed over, and why."""

    turned: int
    small: int
    at_border: int
    blurred: int


def fit_frames(frames: Sequence[MeasuredFrame]) -> tuple[list[int], RejectedFrames]:
    """Return which frames can serve as a portrait, and how many could not for which reason (the first that holds)."""
    turned = small = border = blurred = 0
    usual = float(np.quantile([frame.sharpness for frame in frames], 0.75)) if frames else 0.0
    fit = []
    for index, frame in enumerate(frames):
        if frame.face_px < MIN_FACE_PX:
            small += 1
        elif frame.border_share < BORDER_SHARE:
            border += 1
        elif max(abs(frame.pitch_deg), abs(frame.yaw_deg)) > MAX_TURN_DEG:
            turned += 1
        elif frame.sharpness < SHARP_SHARE * usual:
            blurred += 1
        else:
            fit.append(index)
    return fit, RejectedFrames(turned, small, border, blurred)


def calmest(frames: Sequence[MeasuredFrame], fit: Sequence[int]) -> int:
    """Return the frame to rest in: relaxed, open-eyed, frontal, and of two alike the sharper one."""
    usual = max(float(np.median([frames[index].sharpness for index in fit])), 1e-6)

    def unrest(index: int) -> float:
        frame = frames[index]
        sharp = min(frame.sharpness / usual, 1.5)
        return float(np.linalg.norm(_place(frame))) + 0.1 * (1.5 - sharp)

    return min(fit, key=unrest)


def choose_references(
    frames: Sequence[MeasuredFrame], fit: Sequence[int], known: Sequence[MeasuredFrame], count: int
) -> list[ChosenFrame]:
    """Return up to `count` of the fit frames, each the one least like all portraits had so far.

    Farthest-point selection (Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985) by
    coefficients and turns. It ends early when nothing new is left.

    Args:
        frames: all frames of the clip.
        fit: which of them may be chosen.
        known: portraits the person has already, at least one.
        count: how many more are wanted.
    """
    if not fit or count < 1:
        return []
    places = np.array([_place(frames[index]) for index in fit])
    had = [_place(frame) for frame in known]
    chosen: list[ChosenFrame] = []
    while len(chosen) < count:
        gaps = np.linalg.norm(places[:, None] - np.array(had)[None], axis=2)
        nearest = gaps.min(axis=1)
        best = int(np.argmax(nearest))
        if nearest[best] < LEAST_GAIN:
            break
        change = places[best] - had[int(np.argmin(gaps[best]))]
        chosen.append(ChosenFrame(fit[best], float(nearest[best]), _name_change(change)))
        had.append(places[best])
    return chosen


def _place(frame: MeasuredFrame) -> F32:
    """Return a frame as a point (54,): Euclidean distance between points is the metric."""
    turn = np.array([frame.pitch_deg, frame.yaw_deg]) / TURN_UNIT_DEG
    return np.concatenate([frame.blendshapes * _SCALE, turn]).astype(np.float32)


def _name_change(change: F32) -> str:
    """Name the largest one or two parts of a change between two points."""
    parts: dict[str, float] = {}
    for name, value in zip((*BLENDSHAPES, "pitch", "yaw"), change.tolist(), strict=True):
        label = _label(name, value)
        parts[label] = parts.get(label, 0.0) + value * value
    ranked = sorted(parts, key=lambda label: parts[label], reverse=True)
    return " + ".join(label for label in ranked[:2] if parts[label] > 0.3 * parts[ranked[0]])


def _label(name: str, change: float) -> str:
    if name == "yaw":
        return "turned to the picture's left" if change > 0 else "turned to the picture's right"
    if name == "pitch":
        return "chin down" if change > 0 else "chin up"
    for start, more, less in _LABELS:
        if name.startswith(start):
            return more if change > 0 else less
    return "other expression"


_LABELS: Final = (
    ("jawOpen", "mouth open", "mouth closed"),
    ("mouthSmile", "smile", "no smile"),
    ("mouthUpperUp", "upper teeth", "upper lip down"),
    ("mouthLowerDown", "lower teeth", "lower lip up"),
    ("mouthPucker", "pucker", "lips wide"),
    ("mouthFunnel", "rounded lips", "lips wide"),
    ("mouthRoll", "lips rolled in", "lips out"),
    ("mouthPress", "lips pressed", "lips loose"),
    ("mouthShrug", "lips pushed up", "lips loose"),
    ("mouthStretch", "lips stretched", "lips loose"),
    ("mouthFrown", "mouth corners down", "mouth corners up"),
    ("mouth", "other mouth shape", "other mouth shape"),
    ("eyeBlink", "eyes closed", "eyes open"),
    ("eyeSquint", "eyes narrowed", "eyes open"),
    ("eyeWide", "eyes wide", "eyes relaxed"),
    ("eyeLook", "other gaze", "other gaze"),
    ("brow", "brows", "brows"),
)
"""(start of a coefficient's name, what more of it is called, what less of it)."""


def _weight(name: str) -> float:
    if name == "jawOpen":
        return JAW_WEIGHT
    if name.startswith("eyeBlink"):
        return BLINK_WEIGHT
    return OWN_WEIGHT if name.startswith(("mouth", "eye")) else OTHER_WEIGHT


_SCALE: Final = np.sqrt([_weight(name) for name in BLENDSHAPES]).astype(np.float32)

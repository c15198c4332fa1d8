"""Warnings about photos that make a poor avatar: covered or turned faces, blur, dark eyes, each with what to do.

What no avatar can be made from is an error, `avatar.generator.enrol` raises it. The bounds were chosen on 165 portraits
and frames of people to fit on, and on the same with things painted over them (`benchmarks/photo_checks.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import cv2
import numpy as np

from avatar.face.pose import fit_pose, rotation_vector
from avatar.generator.identity import Portrait
from avatar.generator.one_person import strangers
from avatar.media.frame_pixels import RgbPixels
from avatar.perception.mouth_cover import mouth_pattern
from avatar.resources import load_weights
from avatar.trust.likeness import FaceRecognition
from avatar.types import BLENDSHAPE_INDEX, F32, U8

WEIGHTS: Final = "photo_mouth.safetensors"
"""`models/photo_mouth.md` says on what they were fitted and how well."""
CLOSED_EYES: Final = 0.66
"""Of both blink coefficients; photos with open eyes reach it in one of 150."""
WINKING: Final = 0.3
"""Between both blink coefficients: of 174 photos and frames three are of winks, above 0.35, all others below 0.22."""
DARK_EYES: Final = -0.98
"""Natural logarithm of the light around the eyes over that of cheeks and forehead: sunglasses lie below."""
LYING_DEG: Final = 45.0
"""A head that leans further lies on its side: nobody holds it so, but a photo may have been turned."""
TURNED_DEG: Final = 25.0
"""From here on one side of mouth and eyes is seen too much from the side; `enrol` refuses what is turned further."""
BLURRED: Final = 0.03
"""Variance of the Laplacian over that of the light, on a face of 96 x 96 pixels: faces blurred by a fortieth of their
height lie below 0.028, all 165 others above 0.044."""
SOFT_SIDE: Final = 96
FLAT_MOUTH: Final = 0.06
"""Root mean square of a mouth's pattern: of 170 free mouths none lies below 0.08, of 504 masks of cloth 19 in 20 below
0.03. Folds and seams look like lips to the fitted direction, but stand out much less."""
_AROUND_EYES: Final = (22, 23, 24, 27, 28, 29, 30, 110, 252, 253, 254, 257, 258, 259, 260, 339)
_SKIN: Final = (50, 108, 117, 151, 205, 280, 337, 346, 425)


def photo_warnings(portraits: Sequence[Portrait], recognition: FaceRecognition | None = None) -> tuple[str, ...]:
    """Return what is wrong with an avatar's photos, the first of which it rests in.

    `recognition` tells whether they are of one person; None: the shape of the faces does, which knows few.

    Raises:
        ModelError: the weights file is missing or damaged.
    """
    warnings = []
    for number, portrait in enumerate(portraits, start=1):
        which = f"Photo {number}: " if len(portraits) > 1 else ""
        warnings += [which + warning for warning in _warnings(portrait, rests=number == 1)]
    warnings += [
        f"Photo {number + 1}: This seems to be another person than in the first: their teeth, lids and brows would be "
        "mixed. Use photos of one person."
        for number in strangers(portraits, recognition)
    ]
    return tuple(warnings)


def _warnings(portrait: Portrait, *, rests: bool) -> list[str]:
    rgb, landmarks = portrait.rgb, portrait.landmarks_px
    found = []
    pitch, yaw, roll = np.degrees(rotation_vector(fit_pose(landmarks).rotation))
    if abs(roll) > LYING_DEG:
        found.append(
            f"The photo lies on its side: the head leans by {abs(roll):.0f} degrees. Turn it upright, or the avatar is "
            "seen as it is here."
        )
    if is_cut_off(rgb, landmarks):
        found.append("The face is cut off by the photo's edge. Use a photo that shows all of it.")
    elif is_mouth_covered(rgb, landmarks):
        found.append(
            "Something seems to cover the mouth, such as a mask or a hand: lips would be drawn on top of it. "
            "Use a photo in which nose, mouth and chin are free."
        )
    if (turn := max(abs(pitch), abs(yaw))) > TURNED_DEG:
        found.append(
            f"The head is turned {turn:.0f} degrees away: it turns back only a little, and its far side is a guess. "
            "Better use a photo that looks into the camera."
        )
    if eye_darkness(rgb, landmarks) < DARK_EYES:
        found.append("Dark glasses or deep shadows hide the eyes: the avatar cannot blink. Use a photo without them.")
    elif rests:
        one, other = sorted(portrait.blendshapes[BLENDSHAPE_INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right"))
        if one > CLOSED_EYES:
            found.append("The eyes seem to be closed: the avatar rests as in this photo. Use one with open eyes.")
        elif other - one > WINKING:
            found.append("One eye seems to be closed: the avatar rests as in this photo. Use one with both eyes open.")
    if sharpness(rgb, landmarks) < BLURRED:
        found.append("The face is blurred. Use a sharper photo, or one taken from nearer.")
    return found


def is_cut_off(rgb: U8, landmarks_px: F32) -> bool:
    """Return whether part of a face lies beyond the edge of its picture (height, width, 3)."""
    low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
    return bool(low.min() < 0 or high[0] > rgb.shape[1] or high[1] > rgb.shape[0])


def is_mouth_covered(rgb: U8, landmarks_px: F32) -> bool:
    """Return whether light and colour around a mouth look like a thing before it, or show nothing that stands out."""
    pattern = mouth_pattern(RgbPixels(rgb), landmarks_px)
    if pattern is None:
        return False
    weights = _weights()
    looks_covered = np.vdot(unit_pattern(pattern), weights["direction"]) > weights["bound"][0]
    return bool(looks_covered or np.sqrt(np.square(pattern).mean()) < FLAT_MOUTH)


def unit_pattern(pattern: F32) -> F32:
    """Return a pattern without its strength: bright light and strong contrast say nothing."""
    return np.asarray(pattern / np.sqrt(np.vdot(pattern, pattern) + 1e-6), np.float32)


def eye_darkness(rgb: U8, landmarks_px: F32) -> float:
    """Return the natural logarithm of the light around the eyes over that of cheeks and forehead."""
    size = 2 * max(1, round(float(np.ptp(landmarks_px[:, 0])) / 60)) + 1
    light = cv2.blur(rgb, (size, size)).mean(axis=2)
    x, y = np.clip(np.rint(landmarks_px[:, :2]).astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).T
    seen = np.log(light[y, x] + 8.0)
    return float(np.median(seen[list(_AROUND_EYES)]) - np.median(seen[list(_SKIN)]))


def sharpness(rgb: U8, landmarks_px: F32) -> float:
    """Return how much of a face's light is fine detail, whatever its size and contrast."""
    left, top = np.maximum(np.floor(landmarks_px[:, :2].min(axis=0)), 0).astype(int)
    right, bottom = np.maximum(np.ceil(landmarks_px[:, :2].max(axis=0)).astype(int), (left + 2, top + 2))
    part = np.ascontiguousarray(rgb[top:bottom, left:right])
    if min(part.shape[:2]) < 2:
        return 0.0
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SOFT_SIDE, SOFT_SIDE), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var() / max(float(small.astype(np.float32).var()), 1.0))


@cache
def _weights() -> dict[str, F32]:
    return load_weights(WEIGHTS)

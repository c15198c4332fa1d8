"""Detects a covered mouth: behind a hand, a cup or a microphone its landmarks are only guessed.

The landmarker goes on reporting a mouth that it does not see. So lips and skin around the mouth are sampled at its
landmarks, where speech and smiles carry them along, and their pattern of light and colour is compared with what this
person's looked like while nothing was before it. Talking and turning change the pattern a little, a cover changes it
altogether. The opening between the lips is left out, since teeth and tongue come and go there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np

from avatar.media.frame_pixels import FramePixels
from avatar.perception.rotated_rect import extent
from avatar.types import F32

AROUND_MOUTH: Final = (
    0, 11, 12, 15, 16, 17, 18, 32, 37, 38, 39, 40, 41, 42, 43, 57, 61, 62, 72, 73, 74, 76, 77, 83, 84, 85, 86,
    89, 90, 91, 92, 96, 106, 140, 146, 164, 165, 167, 170, 179, 180, 181, 182, 183, 184, 185, 186, 194, 199,
    200, 201, 202, 204, 208, 211, 262, 267, 268, 269, 270, 271, 272, 273, 287, 291, 292, 302, 303, 304, 306,
    307, 313, 314, 315, 316, 319, 320, 321, 322, 325, 335, 369, 375, 391, 393, 395, 403, 404, 405, 406, 407,
    408, 409, 410, 418, 421, 422, 424, 428, 431,
)  # fmt: skip
"""Landmarks of the lips' skin and what lies around them, from the nose to the chin."""
_AROUND_MOUTH: Final = np.array(AROUND_MOUTH)
_EACH: Final = np.full(len(AROUND_MOUTH), 1 / len(AROUND_MOUTH), np.float32)
SAMPLED_PX: Final = (18, 14)
"""The part of the picture around them is first shrunk to so many pixels: finer detail is noise."""
DARK: Final = 8.0
"""Added to pixel values before their logarithm is taken, so that the dark does not weigh too much."""
COLOUR: Final = 3.0
"""How much colour counts beside light."""
_LIGHT_AND_COLOUR: Final = (
    np.array([[1, 2 * COLOUR, -COLOUR], [1, -COLOUR, -COLOUR], [1, -COLOUR, 2 * COLOUR]], np.float32) / 3
)
"""Carries the logarithms of red, green and blue to light, red beside light and blue beside light."""
LEARN_S: Final = 0.7
"""A mouth has to be seen so long before a cover can be detected."""
MEMORY_S: Final = 5.0
SMOOTH_S: Final = 0.12
GAP: Final = 0.4
"""A match so far below the usual one is no mouth any more."""
BOUNDS: Final = (0.38, 0.58)
"""Matches below the first are never a mouth, above the second always."""
BACK: Final = 0.1
"""A mouth that comes back matches so much better than the bound."""
LEARNT_ABOVE: Final = 0.2
"""Only what matches so much better than the bound is learnt from: a hand on its way must not be."""
RELEARN_S: Final = 20.0
"""What has been before the mouth for so long is taken for how the person looks now."""
FARTHEST_TURN: Final = float(np.radians(25))
"""A head that is turned further from how it was learnt shows other skin: nothing can be said of it."""
TURNED_S: Final = 2.0
"""A head that stays so is learnt anew."""
USUAL: Final = 0.85
LONGEST_STEP_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class CoverState:
    """State of `next_cover`, for one mouth. Start with `CoverState()`."""

    seen_s: float = 0.0
    """How long it has been looked at while free."""
    match: float = 1.0
    """How well it matches what was learnt, -1..1, smoothed."""
    usual: float = USUAL
    """How well it usually does."""
    covered: bool = False
    covered_s: float = 0.0
    """How long it has been covered."""

    @property
    def learnt(self) -> bool:
        """Whether it has been seen for long enough."""
        return self.seen_s >= LEARN_S

    @property
    def bound(self) -> float:
        """The match below which it is covered."""
        least, most = BOUNDS
        return min(max(self.usual - GAP, least), most)

    def teaches(self, match: float) -> bool:
        """Return whether a view with this match may be learnt from."""
        return not self.learnt or match > self.bound + LEARNT_ABOVE


def next_cover(state: CoverState, match: float, step_s: float) -> CoverState:
    """Return the state after one more view of the mouth, `step_s` after the last. Pure."""
    smoothed = state.match + (1 - math.exp(-step_s / SMOOTH_S)) * (match - state.match)
    covered = state.learnt and smoothed < state.bound + (BACK if state.covered else 0.0)
    covered_s = state.covered_s + step_s if covered else 0.0
    if covered_s > RELEARN_S:
        return CoverState()
    usual = state.usual
    if state.learnt and not covered:
        usual += step_s / MEMORY_S * (match - usual)
    seen_s = state.seen_s + step_s if state.teaches(match) else state.seen_s
    return replace(state, seen_s=seen_s, match=smoothed, usual=usual, covered=covered, covered_s=covered_s)


class MouthCoverDetector:
    """Detects what covers one person's mouth in a stream of frames. Not for several threads at once."""

    def __init__(self) -> None:
        self._state = CoverState()
        self._learnt: F32 | None = None
        self._facing = np.zeros(2, np.float32)
        """Pitch and yaw of what was learnt."""
        self._turned_s = 0.0

    def update(self, pixels: FramePixels, landmarks_px: F32, rotation: F32, step_s: float) -> bool:
        """Take the next frame; return whether the mouth is covered.

        Args:
            pixels: of the frame, any size.
            landmarks_px: (478, 3), pixels of the frame.
            rotation: (3,), the head's rotation vector in radians.
            step_s: seconds since the last frame, above 0.
        """
        pattern = mouth_pattern(pixels, landmarks_px)
        if pattern is None:  # out of the picture: it is not to be seen either, but teaches nothing
            return self._state.covered
        step_s, facing = min(step_s, LONGEST_STEP_S), rotation[:2]
        turned = self._learnt is not None and np.linalg.norm(facing - self._facing) > FARTHEST_TURN
        self._turned_s = self._turned_s + step_s if turned else 0.0
        if self._turned_s > TURNED_S:
            self._state = CoverState()
        elif turned:
            return self._state.covered
        if self._learnt is None or self._state.seen_s == 0:
            self._learnt, self._facing = pattern, facing
        match = _match(pattern, self._learnt)
        if self._state.teaches(match):
            share = np.float32(step_s / min(self._state.seen_s + step_s, MEMORY_S))
            self._learnt = self._learnt + share * (pattern - self._learnt)
            self._facing = self._facing + share * (facing - self._facing)
        self._state = next_cover(self._state, match, step_s)
        return self._state.covered


def mouth_pattern(pixels: FramePixels, landmarks_px: F32) -> F32 | None:
    """Return light and colour around a mouth, (100, 3), each about its mean; None where it is outside the picture."""
    points = landmarks_px.take(_AROUND_MOUTH, axis=0)[:, :2]
    width, height = pixels.size
    first_x, first_y, last_x, last_y = extent(points)
    left, right = (min(max(at, 0), width) for at in (math.floor(first_x), math.ceil(last_x) + 1))
    top, bottom = (min(max(at, 0), height) for at in (math.floor(first_y), math.ceil(last_y) + 1))
    if right - left < 2 or bottom - top < 2:
        return None
    # OpenCV shrinks a view with strides as it is; it needs no copy.
    small = cv2.resize(pixels.part(left, top, right, bottom), SAMPLED_PX, interpolation=cv2.INTER_AREA)
    across, down = SAMPLED_PX[0] / (right - left), SAMPLED_PX[1] / (bottom - top)
    corner, share = np.array([left, top], np.float32), np.array([across, down], np.float32)
    places = (points - corner) * share - np.float32(0.5)
    sampled: Any = cv2.remap  # its types ask for a second map, which there is none of
    colours = sampled(small, places[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0, :, :3]
    pattern = np.log(colours + np.float32(DARK)) @ _LIGHT_AND_COLOUR
    return np.asarray(pattern - _EACH @ pattern, np.float32)


def _match(pattern: F32, learnt: F32) -> float:
    """Return the correlation of two patterns, -1..1."""
    return float(np.vdot(pattern, learnt) / np.sqrt(np.vdot(pattern, pattern) * np.vdot(learnt, learnt) + 1e-6))

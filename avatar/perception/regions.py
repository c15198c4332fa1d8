"""Regions of a picture to look for a face in: MediaPipe finds faces by their share of what it is shown.

Its detector sees any picture at 128 x 128, so a face of 180 pixels in a full-HD picture is too small for it and one of
40 pixels in a square of 280 is not. Once found, a face of any size is followed in the whole picture; only the finding
needs these parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from avatar.perception.landmarker import FaceDetection
from avatar.perception.subject import FaceBox
from avatar.types import U8

SMALLEST_FACE_PX: Final = 40
"""Width of the smallest face that is looked for."""
LEAST_SHARE: Final = 0.12
"""A face narrower than this share of a part's longer side is missed (MediaPipe 1.2.2)."""
SURE_SHARE: Final = 0.16
"""From this share on, faces that are turned aside or half hidden by hair are found, too."""
GREATEST_RATIO: Final = 3.0
"""How much smaller the parts of one level are, at most, than those of the level before: a face too small for those must
not fill these."""
APPROACH_SHARE: Final = 0.2
"""Share of the first view's longer side that a face takes when it is approached: well found, and with room around."""
MARGIN: Final = 0.9
"""What a view leaves around the middle of a face, in face widths, where the picture has it."""
APPROACH_STEPS: Final = (1.1, 1.05)
"""How much wider each further view is, and if the face is lost on the way. Followed from one view to the next, a face
that looks into the camera is never lost at 1.1, now and then at 1.2 and mostly at 1.3, one that is turned far aside is
lost at 1.1 and not at 1.05 (MediaPipe 1.2.2): its landmark model wants a face of the size that the last picture had."""


@dataclass(frozen=True, slots=True)
class Region:
    """An upright rectangle of a picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, rgb: U8) -> U8:
        """Return this part of a picture (height, width, 3), C-contiguous; the picture itself where it is all of it."""
        part = rgb[self.top : self.top + self.height, self.left : self.left + self.width]
        return np.ascontiguousarray(part)

    def in_picture(self, face: FaceDetection) -> FaceDetection:
        """Return a face found in this part, in pixels of the picture."""
        corner = np.array([self.left, self.top, 0], np.float32)
        return replace(face, landmarks_px=face.landmarks_px + corner)


def search_levels(width: int, height: int) -> tuple[tuple[Region, ...], ...]:
    """Return the parts of a picture in which every face of at least SMALLEST_FACE_PX is large enough in one of them.

    The first level is the whole picture; each further one has smaller squares, which overlap by the largest face that
    the level before may have missed.
    """
    longest = max(width, height)
    finest = SMALLEST_FACE_PX / SURE_SHARE
    steps = max(0, math.ceil(math.log(longest / finest) / math.log(GREATEST_RATIO)))
    levels: list[tuple[Region, ...]] = [(Region(0, 0, width, height),)]
    side = float(longest)
    for step in range(1, steps + 1):
        missed = LEAST_SHARE * side
        side = longest * (finest / longest) ** (step / steps)
        levels.append(_squares(width, height, math.ceil(side), math.ceil(missed)))
    return tuple(levels)


def around(box: FaceBox, frame_size: tuple[int, int], share: float = APPROACH_SHARE) -> Region:
    """Return the square in which a face takes a share of the side, as far as it lies within the picture."""
    half = 0.5 * box.width / share
    width, height = frame_size
    left, right = (round(min(max(box.centre[0] + by, 0), width)) for by in (-half, half))
    top, bottom = (round(min(max(box.centre[1] + by, 0), height)) for by in (-half, half))
    return Region(left, top, right - left, bottom - top)


def approach(box: FaceBox, frame_size: tuple[int, int], step: float = APPROACH_STEPS[0]) -> list[Region]:
    """Return ever wider views of a face, from one that its detector finds it in almost up to the whole picture.

    All have the picture's shape, and the face lies at nearly the same place of each (as a share of its sides). So
    whoever follows the face through them has it in the whole picture at last. Empty for a face that is large enough a
    share of the whole picture.
    """
    width, height = frame_size
    views = []
    share = box.width / (APPROACH_SHARE * max(width, height))
    while share < 1.0:
        wide, high = max(1, round(share * width)), max(1, round(share * height))
        left = _view_start(box.centre[0], wide, width, MARGIN * box.width)
        top = _view_start(box.centre[1], high, height, MARGIN * box.width)
        views.append(Region(left, top, wide, high))
        share *= step
    return views


def _view_start(at: float, length: int, whole: int, margin: float) -> int:
    """Return where a view begins along one side: as far before the face as in the whole, but not across the face."""
    start = at / whole * (whole - length)
    start = max(min(start, at - margin), at + margin - length)
    return round(min(max(start, 0), whole - length))


def _squares(width: int, height: int, side: int, overlap: int) -> tuple[Region, ...]:
    def starts(length: int) -> list[int]:
        last = max(length - side, 0)
        count = math.ceil(last / max(side - overlap, 1))
        return [round(last * index / max(count, 1)) for index in range(count + 1)]

    return tuple(
        Region(left, top, min(side, width), min(side, height)) for top in starts(height) for left in starts(width)
    )

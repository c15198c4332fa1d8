"""The person cut out of their photo, for another background: their own colours at the edge, none of the old ones'.

Where hair is half transparent a photo shows a mixture, photo = alpha * person + (1 - alpha) * background. Left as it
is, the old background shines round the head as a halo. First the matte, which is coarse, is made to agree with that
mixture: the surely person's and the surely background's colours are continued over the edge, and alpha is where the
photo lies between the two. Then the person's colours are estimated from what is around each pixel, by blurs alone
(Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.generator.matte import GUIDE_RADIUS, fill
from avatar.types import F32, U8

REACH: Final = GUIDE_RADIUS
"""How far the matte's edge may be from the true one, as a share of the photo's longer side: two of the segmenter's own
pixels, of which it has 256."""
PASSES: Final = ((1.0, 1.5), (0.75, 0.75), (0.5, 0.5))
"""Of each pass, in reaches: how far inside the edge alpha is changed, and from where on the person's colours are sure.
Each begins at an edge that the one before has brought nearer to the true one; a fourth gains a fifth of what the third
does, for 0.08 s more."""
ALIKE: Final = 20.0
"""Levels of 255 that person and background have to differ by for their mixture to say half of what alpha is."""
SURE: Final = 0.05
"""A share as near as this to 0 or 1 is taken for it: photos are noisy."""
WIDE: Final = 0.09
NARROW: Final = 0.014
"""Sides of the blurs as shares of the picture's height: wide enough for sure colours, narrow enough for strands."""
FAINT: Final = 1e-5
"""Keeps quotients of nothing finite."""


def cut_out(photo: U8, matte: U8, photo_side: float) -> U8:
    """Return the person as premultiplied RGBA, (height, width, 4).

    Args:
        photo: (height, width, 3), RGB.
        matte: (height, width), 255 person.
        photo_side: the longer side of the photo that the matte was made of, in pixels of this one.
    """
    alpha = mixed_alpha(photo, matte, REACH * photo_side)[..., None]
    person = person_colours(photo.astype(np.float32), alpha)
    return np.dstack([np.rint(person * alpha), np.rint(255 * alpha)]).astype(np.uint8)


def mixed_alpha(photo: U8, matte: U8, reach_px: float) -> F32:
    """Return the person's share of each pixel, (height, width), 0..1, as the photo's colours near the edge say."""
    alpha = np.asarray(matte / np.float32(255), np.float32)
    for inside, sure in PASSES:
        core = (alpha > 0.5).astype(np.uint8)
        person = fill(photo, _shrunk(core, sure * reach_px) > 0).astype(np.float32)
        background = fill(photo, _grown(core, reach_px) == 0).astype(np.float32)
        apart = person - background
        strength = np.einsum("ijk,ijk->ij", apart, apart)
        share = np.einsum("ijk,ijk->ij", photo - background, apart) / (strength + np.float32(FAINT))
        share = np.clip((share - SURE) / (1 - 2 * SURE), 0, 1)
        near = (_grown(core, reach_px) - _shrunk(core, inside * reach_px)).astype(np.float32)
        near = cv2.blur(near, (_odd(reach_px),) * 2) * (strength / (strength + np.float32(ALIKE**2)))
        alpha = np.asarray(alpha + near * (share - alpha), np.float32)
    return alpha


def person_colours(photo: F32, alpha: F32) -> F32:
    """Return the person's own colours, (height, width, 3), of a photo and their share of it (height, width, 1)."""
    height = photo.shape[0]
    person, background = photo, photo
    for side in (WIDE, NARROW):
        person, background = _mean(person, alpha, side * height), _mean(background, 1 - alpha, side * height)
        mixed = alpha * person + (1 - alpha) * background
        person = np.asarray(np.clip(person + alpha * (photo - mixed), 0, 255), np.float32)
    return person


def _mean(colours: F32, weight: F32, side: float) -> F32:
    """Return the mean of (height, width, 3) colours around each pixel, each counting as its weight says."""
    box = (_odd(side),) * 2
    total = cv2.blur(weight, box)[..., None] + np.float32(FAINT)
    return np.asarray(cv2.blur(colours * weight, box) / total, np.float32)


def _grown(mask: U8, by_px: float) -> U8:
    return np.asarray(cv2.dilate(mask, _disc(by_px)), np.uint8)


def _shrunk(mask: U8, by_px: float) -> U8:
    return np.asarray(cv2.erode(mask, _disc(by_px)), np.uint8)


def _disc(radius_px: float) -> U8:
    side = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _odd(size: float) -> int:
    return max(3, round(size) | 1)

"""The square around a head that the network sees: it moves and grows with the head, and stays upright."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import mean_head, to_pixels
from avatar.generator.framing import Window
from avatar.types import U8, HeadPose

CROP_SIZE: Final = 256
"""Side of the crop in pixels: about one of the crop's to one of a 512-pixel picture."""
FINER: Final = 0.8
"""Crop pixels per picture pixel below which a picture is finer than the crop: 256 show more than 320."""
SEAM: Final = 21
"""Width in crop pixels of the band around the head in which what the network adds fades in; odd."""
CROP_REACH: Final = 2.6
"""Side of the crop in head units: a dropped jaw and the rim of the hair fit in."""


def face_window(pose: HeadPose, size: int = CROP_SIZE) -> Window:
    """Return the window of a picture that shows the head of a pose in a square of `size` pixels.

    Only the pose decides, not the expression: the crop holds still while a mouth opens.
    """
    head = mean_head()
    middle = (head[mesh.FOREHEAD] + head[mesh.CHIN]) / 2
    centre = to_pixels(np.asarray(middle[None], np.float32), pose)[0]
    reach = CROP_REACH * pose.scale
    return Window(
        scale=size / reach,
        left=float(centre[0]) - reach / 2,
        top=float(centre[1]) - reach / 2,
    )


def finer_than_crop(window: Window) -> bool:
    """Return whether a picture that `window` cuts the head from is finer than the crop."""
    return window.scale < FINER


def cut_crop(rgb: U8, window: Window, size: int) -> U8:
    """Return the (size, size, 3) crop of a picture; what lies beyond its border repeats the border."""
    # warpAffine has no area filter: shrink first by a whole factor where the crop is much smaller.
    factor = max(1, int(1 / window.scale))
    if factor > 1:
        rgb = np.asarray(cv2.resize(rgb, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA), np.uint8)
        window = Window(window.scale * factor, window.left / factor, window.top / factor)
    crop = cv2.warpAffine(
        rgb, window.photo_to_picture, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)

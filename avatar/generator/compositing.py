"""The network's layers laid over the moved photo, at the picture's own resolution."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.framing import Window
from avatar.types import F32, U8


def head_crop(picture: U8, window: Window) -> U8:
    """Return the square of a picture (height, width, 3) that `window` cuts, (CROP_SIZE, CROP_SIZE, 3)."""
    return np.asarray(
        cv2.warpAffine(
            picture,
            window.photo_to_picture,
            (CROP_SIZE, CROP_SIZE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def lay_layers(picture: U8, layers: FrameLayers, window: Window, seam: U8) -> None:
    """Lay one frame's layers over a moved photo (height, width, 3) RGB, in place.

    Does what `network.blend` does in training, but at the picture's resolution: `shift` and `tone` act on the sharp
    photo, and only where something is added are the crop's own pixels enlarged. Where the `seam` (S, S, 1) is 0 nothing
    changes.
    """
    left, top, right, bottom = _box(seam, window, (picture.shape[1], picture.shape[0]))
    if right - left < 2 or bottom - top < 2:
        return
    place = _Place(window, left, top, (right - left, bottom - top))
    view = picture[top:bottom, left:right]
    map_x, map_y = cv2.split(place.resampled(layers.shift * np.float32(1 / window.scale)))
    map_x += np.arange(right - left, dtype=np.float32)
    map_y += np.arange(bottom - top, dtype=np.float32)[:, None]
    shifted = cv2.remap(view, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    toned = cv2.add(shifted, place.resampled(layers.tone), dtype=cv2.CV_32F)
    kept = cv2.multiply(toned, place.resampled(layers.keep))
    cv2.add(kept, place.resampled(layers.add), dst=view, dtype=cv2.CV_8U)


class _Place:
    """A box of the picture in which layers of the crop are laid."""

    def __init__(self, window: Window, left: int, top: int, size: tuple[int, int]) -> None:
        self._window, self._left, self._top, self._size = window, left, top, size

    def resampled(self, layer: F32) -> Any:
        """Return a layer (s, s, c) of the crop, of whatever resolution, as the box (height, width, c) sees it."""
        coarser = CROP_SIZE / layer.shape[0]
        # Pixel centres of a coarse layer lie between those of the crop.
        scale = self._window.scale / coarser
        x = (self._window.scale * (self._left - self._window.left) + 0.5) / coarser - 0.5
        y = (self._window.scale * (self._top - self._window.top) + 0.5) / coarser - 0.5
        to_layer = np.array([[scale, 0, x], [0, scale, y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(layer, to_layer, self._size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _box(seam: U8, window: Window, picture_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the part of a picture (width, height) in which a crop's seam is not 0."""
    x, y, width, height = cv2.boundingRect(seam)
    corner = np.array([window.left, window.top])
    low = np.floor(np.array([x, y]) / window.scale + corner)
    high = np.ceil(np.array([x + width, y + height]) / window.scale + corner)
    left, top = np.maximum(low, 0).astype(int).tolist()
    right, bottom = np.minimum(high, picture_size).astype(int).tolist()
    return left, top, right, bottom


def lay_on_crop(moved: U8, layers: FrameLayers) -> U8:
    """Return a moved photo's crop (S, S, 3) with its layers laid on: what the crop becomes in the picture."""
    made = moved.copy()
    lay_layers(made, layers, Window(1.0, 0.0, 0.0), np.full((*moved.shape[:2], 1), 255, np.uint8))
    return made

"""Pictures of somebody before nothing, in a video that knows no transparency: the colours left, the matte right.

The colours are premultiplied: whatever is laid below, the picture is colours + (1 - matte) * below. The matte is grey,
as bright as the person's share, so that it passes through any encoder and player as the colours do: black to white
there, 16 to 235 in the stream's luma (ITU-R BT.601, limited range).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.types import U8, Picture

BLACK_LUMA: Final = 16
LUMA_RANGE: Final = 219
GREY_CHROMA: Final = 128
OPAQUE: Final = 255


def beside(rgba: U8) -> U8:
    """Return premultiplied RGBA (height, width, 4), even sides, as planar YUV 4:2:0 (height * 3 / 2, 2 width)."""
    colours = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2YUV_I420), np.uint8)
    luma = cv2.convertScaleAbs(rgba[..., 3], alpha=LUMA_RANGE / OPAQUE, beta=BLACK_LUMA)
    return _joined(colours, np.asarray(luma, np.uint8))


def with_matte(picture: Picture) -> U8:
    """Return a picture's planar YUV 4:2:0 with a matte beside it; one that has none is all person."""
    if picture.matte:
        return picture.i420
    height = picture.i420.shape[0] * 2 // 3
    white = np.full((height, picture.i420.shape[1]), BLACK_LUMA + LUMA_RANGE, np.uint8)
    return _joined(picture.i420, white)


def without_matte(picture: Picture) -> U8:
    """Return a picture's planar YUV 4:2:0 alone: one that has a matte is before black."""
    if not picture.matte:
        return picture.i420
    i420 = picture.i420
    height, width = i420.shape[0] * 2 // 3, i420.shape[1] // 2
    colours = np.empty((i420.shape[0], width), np.uint8)
    colours[:height] = i420[:height, :width]
    colours[height:].reshape(2, height // 2, width // 2)[:] = _chroma(i420, height)[:, :, : width // 2]
    return colours


def rgba_of(rgb: U8) -> U8:
    """Return the premultiplied RGBA (height, width, 4) of a decoded picture (height, 2 width, 3) with its matte.

    No colour is brighter than its share: what an encoder has smeared over the edge would shine there.
    """
    width = rgb.shape[1] // 2
    alpha = np.ascontiguousarray(rgb[:, width:, 1])
    colours = cv2.min(np.ascontiguousarray(rgb[:, :width]), cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB))
    return np.asarray(cv2.merge([*cv2.split(colours), alpha]), np.uint8)


def _joined(colours: U8, luma: U8) -> U8:
    """Return planar YUV 4:2:0 (height * 3 / 2, width) with a grey picture's luma (height, width) to its right."""
    height, width = luma.shape
    out = np.empty((colours.shape[0], 2 * width), np.uint8)
    out[:height, :width], out[:height, width:] = colours[:height], luma
    chroma = _chroma(out, height)
    chroma[:, :, : width // 2] = _chroma(colours, height)
    chroma[:, :, width // 2 :] = GREY_CHROMA
    return out


def _chroma(i420: U8, height: int) -> U8:
    """Return the two planes of chroma (2, height / 2, width / 2), a view."""
    return i420[height:].reshape(2, height // 2, i420.shape[1] // 2)

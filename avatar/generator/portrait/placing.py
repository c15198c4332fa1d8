"""Lays a drawn square back into the photo and turns it into planar YUV, on the device that drew it.

Nothing but the finished picture leaves a GPU: 1.5 bytes a pixel, and no work for the processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor

from avatar.generator.portrait import PICTURE_SIDE
from avatar.types import F32, U8

YUV: Final = ((0.257, 0.504, 0.098), (-0.148, -0.291, 0.439), (0.439, -0.368, -0.071))
"""Y, U and V of levels of red, green and blue (ITU-R BT.601, limited range)."""
YUV_OFFSETS: Final = (16.0, 128.0, 128.0)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a picture of even sides the square goes, and what lies around it."""

    places: Tensor
    """(1, H, W, 2): where in the square each pixel comes from, -1..1."""
    around: Tensor
    """(1, 3, H, W), uint8."""
    share: Tensor
    """(1, 1, H, W), uint8, of 255: the square's."""


def place(around_rgb: U8, share: U8, to_picture: F32, device: torch.device) -> Placement:
    """Return a placement.

    Args:
        around_rgb: (H, W, 3), the photo in the picture.
        share: (H, W), of 255: the square's.
        to_picture: (2, 3), from the square's pixels to the picture's.
        device: that draws.
    """
    height, width = around_rgb.shape[0] & ~1, around_rgb.shape[1] & ~1
    back = np.linalg.inv(np.vstack([to_picture, [0, 0, 1]]))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ back[:2].T
    places = (2 * places + 1) / PICTURE_SIDE - 1
    return Placement(
        torch.from_numpy(places[None].astype(np.float32)).to(device),
        torch.from_numpy(np.ascontiguousarray(around_rgb[:height, :width])).to(device).permute(2, 0, 1)[None],
        torch.from_numpy(np.ascontiguousarray(share[:height, :width])).to(device)[None, None],
    )


def placed_i420(square: Tensor, placement: Placement) -> Tensor:
    """Return (H * 3 / 2, W) planar YUV 4:2:0, uint8, of a drawn square (512, 512, 3), uint8 RGB."""
    levels = square.permute(2, 0, 1)[None].float()
    drawn = F.grid_sample(levels, placement.places, mode="bicubic", align_corners=False).clamp(0, 255)
    around, share = placement.around.float(), placement.share.float() / 255
    rgb = (around + share * (drawn - around))[0]
    luma, chroma = levels.new_tensor(YUV[:1]), levels.new_tensor(YUV[1:])
    y = torch.tensordot(luma, rgb, 1) + YUV_OFFSETS[0]
    # One of each four pixels says the colour of all: as OpenCV does, which draws the pictures around.
    uv = torch.tensordot(chroma, rgb[:, ::2, ::2], 1) + YUV_OFFSETS[1]
    planes = torch.cat([y.flatten(), uv.flatten()]).round().clamp(0, 255).to(torch.uint8)
    return planes.view(-1, rgb.shape[2])

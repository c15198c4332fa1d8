"""Losses of the face network's training, and their weights."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor

from avatar.generator.network import Layers, spread
from avatar.generator.network_input import REGIONS

BACKGROUND_WEIGHT: Final = 0.05
"""Bodies and backgrounds move by themselves between two frames: to match them would only blur edges."""
REGION_WEIGHTS: Final = {"head": 0.25, "face": 1.2, "eyes": 6.0, "mouth": 8.0}
"""From the outside in; an inner region's weight replaces the outer one's."""
SCALES: Final = (2, 4, 8)
SCALE_WEIGHT: Final = 0.5
GRADIENT_WEIGHT: Final = 1.0
MASK_WEIGHT: Final = 0.06
"""Price of drawing over what geometry already explains: sharp skin stays the photo's own."""
MASK_OUTSIDE: Final = 3.0
BORROWED_PRICE: Final = 0.2
"""Of that, what another photo's pixels cost: they are sharp too, but of the crop's resolution."""
SQUARED_WEIGHT: Final = 4.0
"""Of the squared error on the face, which is what a picture's PSNR is of: a whole cheek in the wrong light counts."""
SHIFT_WEIGHT: Final = 0.2
"""Price of a shift per half of the crop's side, 0.0016 per pixel: free, it followed single eyes of single people."""


def region_weights(regions: Tensor) -> Tensor:
    """Return how much each pixel counts, (B, 1, S, S), from region masks (B, 5, S, S)."""
    weights = torch.full_like(regions[:, :1], BACKGROUND_WEIGHT)
    for name, weight in REGION_WEIGHTS.items():
        inside = regions[:, REGIONS.index(name)][:, None]
        weights = weights + inside * (weight - weights)
    return weights


def picture_loss(made: Tensor, target: Tensor, regions: Tensor, sharp: Tensor | None = None) -> Tensor:
    """Return the weighted L1 of pictures (B, 3, S, S), of their coarser versions and of their gradients.

    Where `sharp` (B,) is 0 only the coarser versions count: a soft target says where things are, not how sharp they
    are. None: every target is sharp.
    """
    weights = region_weights(regions)
    fine = _by_picture((made - target).abs() * weights)
    error = made - target
    across = (error[..., 1:] - error[..., :-1]).abs() * weights[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weights[..., 1:, :]
    fine = fine + GRADIENT_WEIGHT * (_by_picture(across) + _by_picture(down))
    loss = fine.mean() if sharp is None else (fine * sharp).mean()
    face = F.avg_pool2d(regions[:, REGIONS.index("face")][:, None], SCALES[0])
    coarse = F.avg_pool2d(made, SCALES[0]) - F.avg_pool2d(target, SCALES[0])
    loss = loss + SQUARED_WEIGHT * (coarse.square() * face).mean()
    for scale in SCALES:
        coarse = (F.avg_pool2d(made, scale) - F.avg_pool2d(target, scale)).abs()
        loss = loss + SCALE_WEIGHT * (coarse * F.avg_pool2d(weights, scale)).mean()
    return loss


def _by_picture(values: Tensor) -> Tensor:
    """Return the mean of each picture's values (B, C, H, W), (B,)."""
    return values.mean(dim=(1, 2, 3))


def restraint_loss(layers: Layers, moved: Tensor, target: Tensor, regions: Tensor) -> Tensor:
    """Return the price of drawing where the moved photo is right already, and of shifting it."""
    mouth = regions[:, REGIONS.index("mouth")][:, None]
    face = regions[:, REGIONS.index("face")][:, None]
    # An error of a tenth of the range is worth painting over; far smaller ones are not.
    explained = torch.exp(-10 * F.avg_pool2d((moved - target).abs().mean(1, keepdim=True), 9, stride=1, padding=4))
    price = (1 - mouth) * torch.where(face > 0.5, explained, MASK_OUTSIDE * torch.ones_like(explained))
    covered = spread(layers.mask * (1 - (1 - BORROWED_PRICE) * layers.borrowed))
    return MASK_WEIGHT * (covered * price).mean() + SHIFT_WEIGHT * layers.shift.abs().mean()

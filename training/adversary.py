"""A patch discriminator (critic) for mouths and eyes, so that teeth become teeth and not a grey mean.

Hinge loss (Lim and Ye, 2017) on patches (Isola et al., CVPR 2017), plus feature matching (Wang et al., CVPR 2018).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

from avatar.generator.network_input import REGIONS

CROP: Final = 64
"""Side of the crops the critic sees, in pixels of the head crop."""
FOOLING_WEIGHT: Final = 0.02
MATCHING_WEIGHT: Final = 0.1


class Critic(nn.Module):
    """Small patch critic for crops around mouth and eyes."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        channels = (3, 32, 64, 128)
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(before, after, 4, stride=2, padding=1)) for before, after in pairwise(channels)
        )
        self.verdict = norm(nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(self, crops: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return verdicts (N, 1, 8, 8) on crops (N, 3, 64, 64), above 0 for real, and the features on the way."""
        features = []
        for layer in self.layers:
            crops = F.leaky_relu(layer(crops), 0.2)
            features.append(crops)
        return self.verdict(crops), features


def look_closely(pictures: Tensor, regions: Tensor) -> Tensor:
    """Cut (2 B, 3, 64, 64) around the mouth and around one eye of pictures (B, 3, S, S); differentiable."""
    cut = []
    for name in ("mouth", "iris"):
        for picture, mask in zip(pictures, regions[:, REGIONS.index(name)], strict=True):
            cut.append(_around(picture, mask))
    return torch.stack(cut)


def critic_loss(critic: nn.Module, made: Tensor, real: Tensor) -> Tensor:
    """Return what the critic is to lower, from crops (N, 3, 64, 64)."""
    return F.relu(1 - critic(real)[0]).mean() + F.relu(1 + critic(made.detach())[0]).mean()


def fooling_loss(critic: nn.Module, made: Tensor, real: Tensor) -> Tensor:
    """Return what the network is to lower, from crops (N, 3, 64, 64)."""
    verdict, features = critic(made)
    with torch.no_grad():
        wanted = critic(real)[1]
    matching = torch.stack([(a - b).abs().mean() for a, b in zip(features, wanted, strict=True)]).sum()
    return -FOOLING_WEIGHT * verdict.mean() + MATCHING_WEIGHT * matching


def _around(picture: Tensor, mask: Tensor) -> Tensor:
    """Cut (3, 64, 64) around what a mask (S, S) covers, or around the picture's middle where it covers nothing."""
    side = mask.shape[-1]
    rows, columns = torch.nonzero(mask > 0.5, as_tuple=True)
    if len(rows) == 0:
        row, column = side // 2, side // 2
    else:
        # The two irises share one mask: the first pixel in reading order picks one of them.
        near = (columns - columns[0]).abs() < CROP // 2
        row, column = int(rows[near].float().mean()), int(columns[near].float().mean())
    top = min(max(0, row - CROP // 2), side - CROP)
    left = min(max(0, column - CROP // 2), side - CROP)
    return picture[:, top : top + CROP, left : left + CROP]

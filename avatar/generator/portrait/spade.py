"""LivePortrait's generator G: a SPADE decoder (arXiv 1903.07291) that draws the warped features.

    features (B, 256, 64, 64) -> 512 x 64 x 64, six blocks -> 256 x 128 x 128 -> 64 x 256 x 256
        -> picture (B, 3, 512, 512)

Each block is told by the features themselves how to scale and shift what it has normalised. The published checkpoint
divides each convolution's weight by its largest singular value when it runs; here that is done once, when the
checkpoint is converted (`checkpoints.fold_spectral_norm`). All other names and shapes are the published ones.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

FEATURES: Final = 256
"""Channels that W hands on."""
HIDDEN: Final = 128
"""Channels between the features and a norm's scale and shift."""
SLOPE: Final = 0.2
"""Of the leaky ReLUs below zero."""


class Spade(nn.Module):
    """A norm whose scale and shift are drawn from the features: (B, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(FEATURES, HIDDEN, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(HIDDEN, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(HIDDEN, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        hidden = self.mlp_shared(F.interpolate(features, size=x.shape[2:]))
        return F.instance_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class SpadeBlock(nn.Module):
    """A residual block of two convolutions, each after its norm: (B, C, H, W) -> (B, D, H, W)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        between = min(channels, out)
        self.conv_0 = nn.Conv2d(channels, between, 3, padding=1)
        self.conv_1 = nn.Conv2d(between, out, 3, padding=1)
        self.norm_0 = Spade(channels)
        self.norm_1 = Spade(between)
        self.narrows = channels != out
        if self.narrows:
            self.conv_s = nn.Conv2d(channels, out, 1, bias=False)
            self.norm_s = Spade(channels)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        y = self.conv_0(F.leaky_relu(self.norm_0(x, features), SLOPE))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, features), SLOPE))
        kept = self.conv_s(self.norm_s(x, features)) if self.narrows else x
        return torch.add(kept, y)


class SpadeDecoder(nn.Module):
    """G: (B, 256, 64, 64) -> (B, 3, 512, 512) RGB, 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(FEATURES, 512, 3, padding=1)
        for number in range(6):
            setattr(self, f"G_middle_{number}", SpadeBlock(512, 512))
        self.up_0 = SpadeBlock(512, 256)
        self.up_1 = SpadeBlock(256, 64)
        self.conv_img = nn.Sequential(nn.Conv2d(64, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, features: Tensor) -> Tensor:
        x = self.fc(features)
        for number in range(6):
            x = getattr(self, f"G_middle_{number}")(x, features)
        x = self.up_0(F.interpolate(x, scale_factor=2), features)
        x = self.up_1(F.interpolate(x, scale_factor=2), features)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, SLOPE)))

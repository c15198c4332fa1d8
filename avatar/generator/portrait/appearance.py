"""LivePortrait's appearance feature extractor F: a photo's crop, lifted into a volume that can be turned.

    crop (B, 3, 256, 256) -> 64 x 256 x 256 -> 128 x 128 x 128 -> 256 x 64 x 64 -> 512 x 64 x 64
         = 32 x 16 x 64 x 64 -> six residual blocks -> volume (B, 32, 16, 64, 64)

Names and shapes of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from typing import Final

import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

VOLUME: Final = (32, 16, 64, 64)
"""Channels, depth, height and width of what F answers."""


class SameBlock2d(nn.Module):
    """Convolution, batch norm, activation: (B, C, H, W) -> (B, D, H, W)."""

    def __init__(self, channels: int, out: int, slope: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.norm = nn.BatchNorm2d(out)
        self.slope = slope
        """Of the activation below zero: 0 is ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class DownBlock2d(nn.Module):
    """Halves a picture: (B, C, H, W) -> (B, D, H / 2, W / 2)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


class ResBlock3d(nn.Module):
    """A residual block of two convolutions, each after its norm: (B, C, D, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(y)))


class AppearanceExtractor(nn.Module):
    """F: (B, 3, 256, 256) RGB, 0..1 -> (B, 32, 16, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        channels, depth = VOLUME[:2]
        self.first = SameBlock2d(3, 64)
        self.down_blocks = nn.ModuleList([DownBlock2d(64, 128), DownBlock2d(128, 256)])
        self.second = nn.Conv2d(256, channels * depth, 1)
        self.resblocks_3d = nn.Sequential()
        for number in range(6):
            self.resblocks_3d.add_module(f"3dr{number}", ResBlock3d(channels))

    def forward(self, rgb: Tensor) -> Tensor:
        x = self.first(rgb)
        for block in self.down_blocks:
            x = block(x)
        lifted: Tensor = self.second(x).unflatten(1, VOLUME[:2])
        volume: Tensor = self.resblocks_3d(lifted)
        return volume

"""LivePortrait's motion extractor M: a ConvNeXt V2 (arXiv 2301.00808, its size "tiny") that reads a head's motion.

    crop (B, 3, 256, 256) -> 96 x 64 x 64 -> 192 x 32 x 32 -> 384 x 16 x 16 -> 768 x 8 x 8 -> mean
        -> seven linear layers

Names and shapes of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

from avatar.face.implicit_keypoints import POINTS

BINS: Final = 66
"""Of each angle's logits, 3 degrees wide."""
WIDTHS: Final = (96, 192, 384, 768)
DEPTHS: Final = (3, 3, 9, 3)
EPSILON: Final = 1e-6


class RawMotion(NamedTuple):
    """What M reads from a crop, for a batch of B."""

    pitch: Tensor
    """(B, 66) logits, as `yaw` and `roll`."""
    yaw: Tensor
    roll: Tensor
    t: Tensor
    """(B, 3) translation."""
    exp: Tensor
    """(B, 63) expression: the keypoints' offsets."""
    scale: Tensor
    """(B, 1)."""
    kp: Tensor
    """(B, 63) canonical keypoints: the person's, at rest and seen from the front."""


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """Lets a channel weigh as much as it answers beside the others: (B, H, W, C) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        answer = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        share = answer / (answer.mean(dim=-1, keepdim=True) + EPSILON)
        return self.gamma * (x * share) + self.beta + x


class ConvNextBlock(nn.Module):
    """A wide depthwise look around, then two layers for each place: (B, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = GlobalResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))  # (B, H, W, C)
        y = self.pwconv2(self.grn(F.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNextV2(nn.Module):
    """The detector inside M: (B, 3, 256, 256) RGB, 0..1 -> `RawMotion`."""

    def __init__(self) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 4, stride=4), ChannelNorm(WIDTHS[0], EPSILON))
        self.downsample_layers = nn.ModuleList([stem])
        for narrow, wide in pairwise(WIDTHS):
            halved = nn.Sequential(ChannelNorm(narrow, EPSILON), nn.Conv2d(narrow, wide, 2, stride=2))
            self.downsample_layers.append(halved)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(width) for _ in range(depth)))
            for width, depth in zip(WIDTHS, DEPTHS, strict=True)
        )
        self.norm = nn.LayerNorm(WIDTHS[-1], EPSILON)
        self.fc_kp = nn.Linear(WIDTHS[-1], 3 * POINTS)
        self.fc_scale = nn.Linear(WIDTHS[-1], 1)
        self.fc_pitch = nn.Linear(WIDTHS[-1], BINS)
        self.fc_yaw = nn.Linear(WIDTHS[-1], BINS)
        self.fc_roll = nn.Linear(WIDTHS[-1], BINS)
        self.fc_t = nn.Linear(WIDTHS[-1], 3)
        self.fc_exp = nn.Linear(WIDTHS[-1], 3 * POINTS)

    def forward(self, x: Tensor) -> RawMotion:
        for halve, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(halve(x))
        seen = self.norm(x.mean(dim=(-2, -1)))
        return RawMotion(
            pitch=self.fc_pitch(seen),
            yaw=self.fc_yaw(seen),
            roll=self.fc_roll(seen),
            t=self.fc_t(seen),
            exp=self.fc_exp(seen),
            scale=self.fc_scale(seen),
            kp=self.fc_kp(seen),
        )


class MotionExtractor(nn.Module):
    """M: (B, 3, 256, 256) RGB, 0..1 -> `RawMotion`."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = ConvNextV2()

    def forward(self, rgb: Tensor) -> RawMotion:
        found: RawMotion = self.detector(rgb)
        return found

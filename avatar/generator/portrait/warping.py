"""LivePortrait's warping module W: the photo's volume, moved from its keypoints to the driven ones.

    per keypoint (and the background): the volume, shifted as that keypoint was; a heat map of where it went
        -> hourglass in 3D -> mask: which of the shifts each place follows -> one deformation of the volume
                           -> occlusion: what the photo does not show there
    volume (B, 32, 16, 64, 64), deformed = 512 x 64 x 64 -> 256 x 64 x 64, times the occlusion

Names and shapes of the parameters are those of the published checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait.appearance import VOLUME, SameBlock2d

SHIFTS: Final = POINTS + 1
"""One for each keypoint, and none for the background."""
COMPRESSED: Final = 4
"""Channels of the volume that decide about the deformation."""
VARIANCE: Final = 0.01
"""Of a keypoint's heat map, in halves of the volume's side, squared."""
SLICE: Final = (1, 2, 2)
"""Depth, height and width by which blocks of the hourglass halve and double: the depth stays."""
HOURGLASS: Final = (64, 128, 256, 512, 1024)
"""Channels of the hourglass on its way down."""
WIDTH: Final = 32
"""Channels at its end, beside those of its input."""


class Warped(NamedTuple):
    """What W answers for a batch of B."""

    occlusion_map: Tensor
    """(B, 1, 64, 64), 0..1: 0 where the photo does not show what is there."""
    deformation: Tensor
    """(B, 16, 64, 64, 3), -1..1, float32: where in the photo's volume each place comes from, (x, y, z)."""
    out: Tensor
    """(B, 256, 64, 64), what G draws."""


class ConvBlock3d(nn.Module):
    """Convolution, batch norm, ReLU: (B, C, D, H, W) -> (B, E, D, H, W)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, out, 3, padding=1)
        self.norm = nn.BatchNorm3d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class HourglassEncoder(nn.Module):
    """(B, 110, D, H, W) -> itself and five halved ones."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (channels, *HOURGLASS)
        self.down_blocks = nn.ModuleList(ConvBlock3d(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = [x]
        for block in self.down_blocks:
            found.append(halved(block(found[-1])))
        return found


class HourglassDecoder(nn.Module):
    """What the encoder found -> (B, 142, D, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (WIDTH, *HOURGLASS)
        self.up_blocks = nn.ModuleList(
            # Every block but the first sees what the encoder found at its size beside what comes from below.
            ConvBlock3d(wide if wide == HOURGLASS[-1] else 2 * wide, narrow)
            for narrow, wide in reversed(list(pairwise(widths)))
        )
        self.conv = nn.Conv3d(WIDTH + channels, WIDTH + channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(WIDTH + channels)

    def forward(self, found: list[Tensor]) -> Tensor:
        x = found.pop()
        for block in self.up_blocks:
            larger = F.interpolate(x, scale_factor=SLICE)
            x = torch.cat([block(larger), found.pop()], dim=1)
        return F.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    """(B, C, D, H, W) -> (B, C + 32, D, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = HourglassEncoder(channels)
        self.decoder = HourglassDecoder(channels)

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.decoder(self.encoder(x))
        return moved


class DenseMotionNetwork(nn.Module):
    """Decides which keypoint each place follows, and what the photo does not show."""

    def __init__(self) -> None:
        super().__init__()
        channels, depth = VOLUME[:2]
        seen = SHIFTS * (COMPRESSED + 1)
        self.hourglass = Hourglass(seen)
        self.mask = nn.Conv3d(seen + WIDTH, SHIFTS, 7, padding=3)
        self.compress = nn.Conv3d(channels, COMPRESSED, 1)
        self.norm = nn.BatchNorm3d(COMPRESSED)
        self.occlusion = nn.Conv2d((seen + WIDTH) * depth, 1, 7, padding=3)

    def forward(self, volume: Tensor, driving: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return (deformation, occlusion map) of a volume and (B, 21, 3) keypoints, as `Warped` has them.

        Places are float32, whatever the volume is: in half precision what lies still would tremble.
        """
        batch = len(volume)
        grid = coordinate_grid(*VOLUME[1:], volume.device)
        shift = (source - driving)[:, :, None, None, None]  # (B, 21, 1, 1, 1, 3)
        moved = torch.cat([grid.expand(batch, 1, *grid.shape), grid + shift], dim=1)  # (B, 22, D, H, W, 3)
        small = F.relu(self.norm(self.compress(volume)))
        copies = small[:, None].expand(-1, SHIFTS, -1, -1, -1, -1).flatten(0, 1)
        shifted = sampled(copies, moved.flatten(0, 1)).unflatten(0, (batch, SHIFTS))
        went = heat_map(grid, driving) - heat_map(grid, source)
        went = F.pad(went, (0, 0, 0, 0, 0, 0, 1, 0))  # the background went nowhere
        seen = self.hourglass(torch.cat([went[:, :, None].to(shifted), shifted], dim=2).flatten(1, 2))
        share = self.mask(seen).softmax(dim=1, dtype=torch.float32)
        deformation = (share[..., None] * moved).sum(dim=1)
        return deformation, torch.sigmoid(self.occlusion(seen.flatten(1, 2)))


class WarpingModule(nn.Module):
    """W: a volume and (B, 21, 3) float32 keypoints, driven and the photo's -> `Warped`."""

    def __init__(self) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotionNetwork()
        self.third = SameBlock2d(VOLUME[0] * VOLUME[1], 256, slope=0.01)
        self.fourth = nn.Conv2d(256, 256, 1)

    def forward(self, volume: Tensor, driving: Tensor, source: Tensor) -> Warped:
        kind = self.dense_motion_network.mask.weight.dtype  # it may compute more exactly than what draws
        deformation, occlusion = self.dense_motion_network(volume.to(kind), driving, source)
        deformed = sampled(volume, deformation).flatten(1, 2)
        return Warped(occlusion, deformation, self.fourth(self.third(deformed)) * occlusion.to(volume.dtype))


def halved(x: Tensor) -> Tensor:
    """Return (B, C, D, H, W), height and width halved by averages: `avg_pool3d`, but for numbers of any kind."""
    return F.avg_pool2d(x.flatten(1, 2), SLICE[1:]).unflatten(1, x.shape[1:3])


def sampled(volume: Tensor, places: Tensor) -> Tensor:
    """Return (B, C, D, H, W), taken from a volume at float32 places (B, D, H, W, 3), -1..1."""
    return F.grid_sample(volume.float(), places, align_corners=False).to(volume.dtype)


def coordinate_grid(depth: int, height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return each place's own coordinates, (D, H, W, 3), -1..1 from the first to the last, (x, y, z)."""
    z, y, x = (torch.linspace(-1, 1, side, device=device) for side in (depth, height, width))
    return torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1)


def heat_map(grid: Tensor, points: Tensor) -> Tensor:
    """Return a Gaussian around each of (B, 21, 3) points, (B, 21, D, H, W)."""
    away = grid - points[:, :, None, None, None]
    return torch.exp(-0.5 * away.square().sum(dim=-1) / VARIANCE)

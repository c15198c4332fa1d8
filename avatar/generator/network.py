"""The network that imagines what a photo does not show. Geometry moves the photo; this fills in the rest.

    photo ──► IdentityEncoder ──► latents at 1/4 and 1/8          once per photo, kept with the identity
                                      │ moved by the mesh's flow
    moved photo + drawn mouth ─┐      ▼
    nearest photos, moved ─────┼─► FaceDecoder ──► pixels, mask, shift, tone, borrowed
    regions ───────────────────┘      ▲
    expression, rotation ── FiLM

    pixels  = moved photo + borrowed * (nearest photos - moved photo) + what is drawn
    picture = mask * pixels + (1 - mask) * (moved photo, sampled `shift` further, + tone)

Pixels are drawn in the inner part of the crop only, where eyes and mouth are: the finest layers cost the most.

Where the mask is 0 the picture is the photo itself at its full resolution, so sharpness is not the network's to lose:
`shift` and `tone` are too coarse to blur it. Where another photo shows the thing itself, real teeth say, its pixels are
borrowed as they are.
Dense convolutions and ReLU only: on CPUs they run at the full rate and in 8 bits (depthwise ones do not).

Imported where torch is installed: by training, export and the torch engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network_input import CONDITION_SIZE, INNER, REGIONS

PATCH: Final = 4
"""Pixels enter and leave in patches of 4 x 4: the finest convolutions run at a quarter of the crop's resolution."""
LARGEST_SHIFT: Final = 4 / 128
"""How far the network may correct the flow, in halves of the crop's side: 4 pixels of 256."""
LARGEST_TONE: Final = 0.3
"""How much the network may lighten or darken a place, of a range of -1..1: a turned head meets another light."""
FINE_CHANNELS: Final = 6
"""Channels that reach the crop's own resolution; one convolution there smooths away the grid of the patches."""
INNER_EDGE: Final = 8
"""Pixels over which the mask fades at the border of the inner part."""
MASK_AT_REST: Final = -2.0
MASK_IN_MOUTH: Final = 6.0
"""Where the blending mask starts out before training: nearly closed on skin and eyes, which geometry moves well, and
open inside the lips."""
BORROWED_AT_REST: Final = -2.0
BORROWED_IN_MOUTH: Final = 4.0
"""And where the share of the nearest photos' own pixels does: most of it inside the lips."""


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """Channels of one tier."""

    latent4: int
    """Of the latents at a quarter of the crop's resolution."""
    latent8: int
    width4: int
    """Of the decoder at a quarter, an eighth and a sixteenth of the crop's resolution."""
    width8: int
    width16: int


SIZES: Final = {
    "lite": NetworkSize(latent4=16, latent8=48, width4=32, width8=80, width16=160),
    "standard": NetworkSize(latent4=32, latent8=96, width4=64, width8=160, width16=320),
}


class Layers(NamedTuple):
    """What the decoder adds to a moved photo, for B crops of side S; pixels for their inner part of H x W."""

    pixels: Tensor
    """(B, 3, H, W), -1..1."""
    mask: Tensor
    """(B, 3, H, W), 0..1: the pixels' share, by colour; 0 at the inner part's border."""
    shift: Tensor
    """(B, 2, S/4, S/4): how much further to sample the moved photo, (x, y) in halves of the crop's side."""
    tone: Tensor
    """(B, 3, S/8, S/8): added to the moved photo."""
    borrowed: Tensor
    """(B, 3, H, W), 0..1: how much of the pixels is the nearest photos'; only training looks at it."""


class Residual(nn.Module):
    """Two convolutions beside a straight way, steered by FiLM (Perez et al., AAAI 2018) where asked for."""

    def __init__(self, channels: int, steering: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(steering, 2 * channels) if steering else None
        # A block starts as the straight way, a FiLM as no steering.
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, steering: Tensor | None = None) -> Tensor:
        """Map (B, C, H, W) to the same shape; steering is (B, S)."""
        hidden = self.first(x)
        if self.film is not None:
            gain, offset = self.film(steering)[:, :, None, None].chunk(2, dim=1)
            hidden = hidden * (1 + gain) + offset
        return F.relu(x + self.second(F.relu(hidden)))


class IdentityEncoder(nn.Module):
    """One photo's crop to latents; runs once per photo."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        fine, coarse = 2 * size.latent4, 2 * size.latent8
        self.patches = nn.Conv2d(3 * PATCH**2, fine, 3, padding=1)
        self.fine = Residual(fine)
        self.to_latent4 = nn.Conv2d(fine, size.latent4, 1)
        self.down = nn.Conv2d(fine, coarse, 2, stride=2)
        self.coarse = nn.ModuleList([Residual(coarse), Residual(coarse)])
        self.to_latent8 = nn.Conv2d(coarse, size.latent8, 1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Map a photo's crop (B, 3, S, S) in -1..1 to latents (B, L4, S/4, S/4) and (B, L8, S/8, S/8)."""
        x = F.relu(self.patches(F.pixel_unshuffle(rgb, PATCH)))  # (B, 2 L4, S/4, S/4)
        x = self.fine(x)
        latent4 = self.to_latent4(x)
        x = F.relu(self.down(x))  # (B, 2 L8, S/8, S/8)
        for block in self.coarse:
            x = block(x)
        return latent4, self.to_latent8(x)


class FaceDecoder(nn.Module):
    """Moved photo, moved latents and steering to what blends into the picture; runs once per frame."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        w4, w8, w16, steering = size.width4, size.width8, size.width16, 96
        self.steer = nn.Sequential(
            nn.Linear(CONDITION_SIZE, steering), nn.ReLU(), nn.Linear(steering, steering), nn.ReLU()
        )
        # Summed: to join pictures of different channels costs more than to convolve each.
        self.see_moved, self.see_nearest, self.see_regions = (
            nn.Conv2d(channels, w4, PATCH, stride=PATCH) for channels in (3, 3, len(REGIONS))
        )
        self.look = Residual(w4)
        self.seen = nn.Conv2d(w4, 1, 3, padding=1)
        self.take4 = nn.Conv2d(size.latent4, w4, 1)
        self.down8 = nn.Conv2d(w4, w8, 2, stride=2)
        self.take8 = nn.Conv2d(size.latent8, w8, 1)
        self.encode8 = Residual(w8, steering)
        self.down16 = nn.Conv2d(w8, w16, 2, stride=2)
        self.middle = nn.ModuleList([Residual(w16, steering), Residual(w16, steering), Residual(w16, steering)])
        self.up8 = nn.Conv2d(w16, 4 * w8, 1)
        self.decode8 = nn.ModuleList([Residual(w8, steering), Residual(w8, steering)])
        self.up4 = nn.Conv2d(w8, 4 * w4, 1)
        self.decode4 = nn.ModuleList([Residual(w4), Residual(w4)])
        self.to_shift = nn.Conv2d(w4, 2, 3, padding=1)
        self.to_tone = nn.Conv2d(w8, 3, 3, padding=1)
        self.to_pixels = nn.Conv2d(w4, FINE_CHANNELS * PATCH**2, 3, padding=1)
        # One each and three channels each: on CPUs, to split or to spread channels costs more than to convolve.
        self.draw = nn.Conv2d(FINE_CHANNELS, 3, 3, padding=1)
        self.to_mask = nn.Conv2d(FINE_CHANNELS, 3, 3, padding=1)
        self.open_mouth = nn.Conv2d(1, 3, 1)
        self.to_borrowed = nn.Conv2d(FINE_CHANNELS, 3, 3, padding=1)
        self.borrow_mouth = nn.Conv2d(1, 3, 1)
        self.register_buffer("edge", _inner_edge(), persistent=False)
        for head in (self.to_shift, self.to_tone, self.draw, self.to_mask, self.to_borrowed, self.seen):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        nn.init.constant_(self.open_mouth.weight, MASK_IN_MOUTH)
        nn.init.constant_(self.open_mouth.bias, MASK_AT_REST)
        nn.init.constant_(self.borrow_mouth.weight, BORROWED_IN_MOUTH)
        nn.init.constant_(self.borrow_mouth.bias, BORROWED_AT_REST)

    def forward(
        self,
        moved: Tensor,
        nearest: Tensor,
        regions: Tensor,
        grid: Tensor,
        latent4: Tensor,
        latent8: Tensor,
        condition: Tensor,
    ) -> Layers:
        """Return what is to be blended into the moved photo.

        Args:
            moved, nearest: (B, 3, S, S), -1..1: moved photo with drawn mouth, and the nearest photos moved.
            regions: (B, 5, S, S), 0..1.
            grid: (B, S/4, S/4, 2): where in the photo with the nearest mouth each place comes from, -1..1.
            latent4, latent8: (B, L4, S/4, S/4), (B, L8, S/8, S/8): that photo's latents, where they were made.
            condition: (B, 55), from `network_input.condition`.
        """
        steering = self.steer(condition)
        x4 = F.relu(self.see_moved(moved) + self.see_nearest(nearest) + self.see_regions(regions))  # (B, W4, S/4, S/4)
        x4 = self.look(x4)
        seen = torch.sigmoid(self.seen(x4))
        moved4 = F.grid_sample(latent4, grid, padding_mode="border", align_corners=False)
        x4 = F.relu(x4 + self.take4(moved4 * seen))

        grid8 = F.avg_pool2d(grid.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        moved8 = F.grid_sample(latent8, grid8, padding_mode="border", align_corners=False)
        x8 = F.relu(self.down8(x4) + self.take8(moved8 * F.avg_pool2d(seen, 2)))  # (B, W8, S/8, S/8)
        x8 = self.encode8(x8, steering)

        x16 = F.relu(self.down16(x8))  # (B, W16, S/16, S/16)
        for block in self.middle:
            x16 = block(x16, steering)

        y8 = F.relu(F.pixel_shuffle(self.up8(x16), 2) + x8)
        for block in self.decode8:
            y8 = block(y8, steering)
        y4 = F.relu(F.pixel_shuffle(self.up4(y8), 2) + x4)
        for block in self.decode4:
            y4 = block(y4)

        shift = LARGEST_SHIFT * torch.tanh(self.to_shift(y4))
        tone = LARGEST_TONE * torch.tanh(self.to_tone(y8))
        fine = F.pixel_shuffle(self.to_pixels(inner(y4)), PATCH)  # (B, 6, H, W)
        moved, nearest, mouth = inner(moved), inner(nearest), inner(regions[:, :1])
        borrowed = torch.sigmoid(self.to_borrowed(fine) + self.borrow_mouth(mouth))
        pixels = (moved + borrowed * (nearest - moved) + self.draw(fine)).clamp(-1, 1)
        mask = torch.sigmoid(self.to_mask(fine) + self.open_mouth(mouth)) * self.edge
        return Layers(pixels, mask, shift, tone, borrowed)


class FaceNetwork(nn.Module):
    """Encoder and decoder of one tier, as they are trained together."""

    def __init__(self, size: NetworkSize, dropout: float = 0.0) -> None:
        """Build both; training does without `dropout` of the latents' channels, and half that of the steering."""
        super().__init__()
        self._dropout = dropout
        self.encoder = IdentityEncoder(size)
        self.decoder = FaceDecoder(size)

    def forward(
        self,
        references: Tensor,
        lead: Tensor,
        moved: Tensor,
        nearest: Tensor,
        regions: Tensor,
        grid: Tensor,
        condition: Tensor,
    ) -> tuple[Tensor, Layers]:
        """Return the finished crops (B, 3, S, S) and the layers they are blended from.

        `references` are R photos' crops (R, 3, S, S) in -1..1; `lead` (B,) says whose latents lead each picture; the
        rest is as `FaceDecoder.forward` takes it.
        """
        latent4, latent8 = self.encoder(references)
        if self.training and self._dropout:
            latent4, latent8 = (F.dropout2d(latent, self._dropout) for latent in (latent4, latent8))
            condition = F.dropout(condition, self._dropout / 2)
        layers = self.decoder(moved, nearest, regions, grid, latent4[lead], latent8[lead], condition)
        return blend(moved, *layers[:4]), layers


def inner(layer: Tensor) -> Tensor:
    """Return the inner part of a crop's layer (B, C, s, s) of whatever resolution."""
    left, top, right, bottom = (edge * layer.shape[-1] // CROP_SIZE for edge in INNER)
    return layer[..., top:bottom, left:right]


def spread(layer: Tensor) -> Tensor:
    """Return a layer of the inner part (B, C, H, W) with zeros around it, (B, C, S, S)."""
    left, top, right, bottom = INNER
    return F.pad(layer, (left, CROP_SIZE - right, top, CROP_SIZE - bottom))


def _inner_edge() -> Tensor:
    left, top, right, bottom = INNER
    across, down = (torch.arange(length, dtype=torch.float32) for length in (right - left, bottom - top))
    nearest = [torch.minimum(steps, steps.flip(0)) for steps in (down, across)]
    return (torch.minimum(nearest[0][:, None], nearest[1][None]) / INNER_EDGE).clamp(max=1)[None, None]


def blend(moved: Tensor, pixels: Tensor, mask: Tensor, shift: Tensor, tone: Tensor) -> Tensor:
    """Return the picture (B, 3, S, S): the pixels where the mask is 1, the moved photo, shifted and toned, where 0.

    `moved` is (B, 3, S, S), the others as in `Layers`.
    """
    side = moved.shape[-1]
    steps = (torch.arange(side, device=moved.device, dtype=torch.float32) + 0.5) * (2 / side) - 1
    here = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)  # (S, S, 2)
    grid = here + _grown(shift, side).permute(0, 2, 3, 1)
    sharp = F.grid_sample(moved.float(), grid, padding_mode="border", align_corners=False)
    toned = sharp + _grown(tone, side)
    return toned + spread(mask * (pixels - inner(toned)))


def _grown(coarse: Tensor, side: int) -> Tensor:
    return F.interpolate(coarse.float(), size=(side, side), mode="bilinear", align_corners=False)

"""The network's two halves as they are exported: bytes in, what is left to do at the picture's own resolution out.

The decoder computes what `network.FaceDecoder` does, laid out for CPUs:

- Bytes come in as they lie in memory, four pixels of four channels in a row read as 16 channels of one place. The first
  convolutions see their patches of 4 x 4 so, and the last ones, which meet single pixels, do a row's four at once.
- Where channels become pixels (`pixel_shuffle`), a pixel's channels stay together: whole runs of memory move.
- What is added and what is kept leave as bytes.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone calls it
from torch import Tensor, nn

from avatar.generator.face_crop import CROP_SIZE
from avatar.generator.network import FINE_CHANNELS, LARGEST_SHIFT, LARGEST_TONE, PATCH, FaceNetwork, inner
from avatar.generator.network_input import INNER

CHANNELS: Final = 4
"""Of a pixel in memory: red, green, blue, and one more."""


class FrameEncoder(nn.Module):
    """The encoder as it is exported: a photo's bytes in, latents out."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.encoder = network.encoder

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Map a photo's crop (1, S, S, 3) uint8 to latents (1, L4, S/4, S/4) and (1, L8, S/8, S/8)."""
        latents: tuple[Tensor, Tensor] = self.encoder(centred(rgb).to(self.encoder.patches.weight.dtype))
        return latents


class FrameDecoder(nn.Module):
    """The decoder as it is exported: bytes in, and out what is left to do at the picture's own resolution.

    `network.blend` with the pixels' part done: picture = keep * (moved photo, sampled `shift` further, + tone) + add.
    """

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        decoder = self.decoder = network.decoder
        moved, nearest, regions = (
            conv.weight.detach() for conv in (decoder.see_moved, decoder.see_nearest, decoder.see_regions)
        )
        nothing = torch.zeros_like(regions[:, :1])
        # Photos are -1..1 for the network, bytes here 0..1; patches have no border that this would change.
        self.see_moved = _patches(torch.cat([2 * moved, regions[:, :1]], dim=1))
        self.see_nearest = _patches(torch.cat([2 * nearest, nothing], dim=1))
        self.see_masks = _patches(regions[:, 1:])
        biases = decoder.see_moved.bias + decoder.see_nearest.bias + decoder.see_regions.bias
        self.see_moved.bias = nn.Parameter(biases.detach() - (moved + nearest).sum(dim=(1, 2, 3)))
        self.up8, self.up4 = _together(decoder.up8, 2), _together(decoder.up4, 2)
        self.to_pixels = _together(decoder.to_pixels, PATCH)
        self.draw = _fours(decoder.draw)
        self.to_mask = _fours(decoder.to_mask, decoder.open_mouth)
        self.to_borrowed = _fours(decoder.to_borrowed, decoder.borrow_mouth)
        self.register_buffer("open_mouth", _per_channel(decoder.open_mouth), persistent=False)
        self.register_buffer("borrow_mouth", _per_channel(decoder.borrow_mouth), persistent=False)
        edge = decoder.edge[0, 0][..., None].expand(-1, -1, CHANNELS)
        self.register_buffer("edge", in_fours(edge[None]).contiguous(), persistent=False)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return one frame's `layers`, what is added and kept as bytes (uint8)."""
        add, keep, shift, tone = self.layers(*inputs)
        return (add + 0.5).to(torch.uint8), (keep + 0.5).to(torch.uint8), shift, tone

    def layers(
        self,
        moved: Tensor,
        nearest: Tensor,
        masks: Tensor,
        inner_mouth: Tensor,
        inner_seam: Tensor,
        seam: Tensor,
        grid: Tensor,
        latent4: Tensor,
        latent8: Tensor,
        condition: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return one frame's layers.

        Args:
            moved, nearest: (1, S, S, 4) uint8: a photo and, in `moved`, the mask of the mouth; nothing looks at the
                fourth channel of `nearest`.
            masks: (1, S, S, 4) uint8: the other `network_input.REGIONS`.
            inner_mouth, inner_seam: (1, H, W, 4) uint8: the mask of the mouth and the seam, the same for each colour.
            seam: (1, S, S, 1) uint8, 255 on the head, falling to 0 around it: outside nothing changes.
            grid, latent4, latent8, condition: as `FaceDecoder.forward`.

        Returns:
            add (1, H, W, 4), levels; keep (1, H, W, 4), 255 where all is kept (of either the fourth channel says
            nothing); shift (1, S/4, S/4, 2), pixels of the crop; tone (1, S/8, S/8, 3), levels of 255.
        """
        decoder, kind = self.decoder, grid.dtype
        moved, nearest, masks = in_fours(moved), in_fours(nearest), in_fours(masks)
        steering = decoder.steer(condition)
        x4 = F.relu(
            self.see_moved(_channels_first(moved).to(kind) / 255)
            + self.see_nearest(_channels_first(nearest).to(kind) / 255)
            + self.see_masks(_channels_first(masks).to(kind) / 255)
        )
        x4 = decoder.look(x4)
        seen = torch.sigmoid(decoder.seen(x4))
        moved4 = F.grid_sample(latent4, grid, padding_mode="border", align_corners=False)
        x4 = F.relu(x4 + decoder.take4(moved4 * seen))

        grid8 = F.avg_pool2d(grid.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        moved8 = F.grid_sample(latent8, grid8, padding_mode="border", align_corners=False)
        x8 = F.relu(decoder.down8(x4) + decoder.take8(moved8 * F.avg_pool2d(seen, 2)))
        x8 = decoder.encode8(x8, steering)

        x16 = F.relu(decoder.down16(x8))
        for block in decoder.middle:
            x16 = block(x16, steering)

        y8 = F.relu(_channels_first(_spread_out(self.up8(x16), 2)) + x8)
        for block in decoder.decode8:
            y8 = block(y8, steering)
        y4 = F.relu(_channels_first(_spread_out(self.up4(y8), 2)) + x4)
        for block in decoder.decode4:
            y4 = block(y4)

        within = seam.to(kind) / 255
        largest_shift, largest_tone = LARGEST_SHIFT * CROP_SIZE / 2, LARGEST_TONE * 127.5
        shift = torch.tanh(_channels_last(decoder.to_shift(y4))) * (within[:, 2::4, 2::4] * largest_shift)
        tone = torch.tanh(_channels_last(decoder.to_tone(y8))) * (within[:, 4::8, 4::8] * largest_tone)

        fine = _channels_first(in_fours(_spread_out(self.to_pixels(inner(y4)), PATCH)))
        # From here on (1, H, W/4, 16), as bytes lie in memory.
        mouth, seam = in_fours(inner_mouth).to(kind) / 255, in_fours(inner_seam).to(kind) / 255
        photo, other = inner_fours(moved).to(kind), inner_fours(nearest).to(kind)
        borrowed = torch.sigmoid(_channels_last(self.to_borrowed(fine)) + mouth * self.borrow_mouth)
        pixels = photo + borrowed * (other - photo) + 127.5 * _channels_last(self.draw(fine))
        mask = torch.sigmoid(_channels_last(self.to_mask(fine)) + mouth * self.open_mouth) * (seam * self.edge)
        add, keep = mask * pixels.clamp(0, 255), 255 - 255 * mask
        return *(layer.reshape(inner_mouth.shape) for layer in (add, keep)), shift, tone


def centred(rgb: Tensor) -> Tensor:
    """Return pictures (B, S, S, 3) uint8 as the network takes them: (B, 3, S, S), -1..1."""
    return rgb.permute(0, 3, 1, 2).float() / 127.5 - 1


def in_fours(pixels: Tensor) -> Tensor:
    """Return (B, H, W, C) with each four pixels of a row as one place, (B, H, W/4, 4 C)."""
    batch, height, width, channels = pixels.shape
    return pixels.reshape(batch, height, width // 4, 4 * channels)


def inner_fours(layer: Tensor) -> Tensor:
    """Return the inner part of a crop (B, S, S/4, C) whose pixels are `in_fours`."""
    left, top, right, bottom = INNER
    return layer[:, top:bottom, left // 4 : right // 4]


def _channels_first(layer: Tensor) -> Tensor:
    return layer.permute(0, 3, 1, 2)


def _channels_last(layer: Tensor) -> Tensor:
    return layer.permute(0, 2, 3, 1)


def _patches(weight: Tensor) -> nn.Conv2d:
    """Return the convolution of patches by `weight` (O, 4, 4, 4), for pixels in fours; its bias is 0."""
    width, _, rows, columns = weight.shape
    return _convolution(weight.permute(0, 3, 1, 2).reshape(width, columns * CHANNELS, rows, 1), stride=(rows, 1))


def _together(conv: nn.Conv2d, factor: int) -> nn.Conv2d:
    """Return a convolution before a `pixel_shuffle` with its channels in the order of `_spread_out`."""
    across = factor * factor
    weight, bias = (
        value.detach().unflatten(0, (-1, across)).transpose(0, 1).flatten(0, 1) for value in (conv.weight, conv.bias)
    )
    return _convolution(weight, bias, padding=conv.padding)


def _spread_out(layer: Tensor, factor: int) -> Tensor:
    """Return (B, n n C, H, W) as (B, n H, n W, C): `pixel_shuffle`, channels last, of what `_together` makes."""
    batch, channels, height, width = layer.shape
    row = channels // factor
    lines = _channels_last(layer).reshape(batch * height, width, factor, row).permute(0, 2, 1, 3)
    return lines.reshape(batch, factor * height, factor * width, row // factor)


def _fours(conv: nn.Conv2d, mouth: nn.Conv2d | None = None) -> nn.Conv2d:
    """Return a 3 x 3 convolution to RGB for pixels in fours, its bias with that of what is added for the mouth.

    A pixel's neighbours lie among the same four or at the near end of the next ones.
    """
    colours, channels = conv.weight.shape[:2]
    weight = conv.weight.new_zeros(4, CHANNELS, 4, channels, 3, 3)
    for target in range(4):
        for step in (-1, 0, 1):
            beyond, source = divmod(target + step, 4)
            weight[target, :colours, source, :, :, beyond + 1] = conv.weight.detach()[..., step + 1]
    bias = conv.bias.new_zeros(4, CHANNELS)
    bias[:, :colours] = conv.bias.detach() if mouth is None else (conv.bias + mouth.bias).detach()
    return _convolution(weight.reshape(4 * CHANNELS, 4 * FINE_CHANNELS, 3, 3), bias.flatten(), padding=1)


def _per_channel(mouth: nn.Conv2d) -> Tensor:
    """Return a 1 x 1 convolution's weights from the mouth's mask to RGB, for pixels in fours, (16,)."""
    return F.pad(mouth.weight.detach().flatten(), (0, 1)).repeat(4)


def _convolution(
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: int | tuple[int, ...] | str = 0,
) -> nn.Conv2d:
    """Return a convolution with these weights, where and in the precision they are."""
    made = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], stride=stride, padding=padding, device="meta")
    made.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    made.bias = nn.Parameter(weight.new_zeros(len(weight)) if bias is None else bias.contiguous(), requires_grad=False)
    return made

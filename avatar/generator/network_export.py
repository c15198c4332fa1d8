"""The network's two halves as they are exported: bytes in, what is left to do at the picture's own resolution out."""

from __future__ import annotations

from torch import Tensor, nn

from avatar.generator.network import FaceNetwork, inner


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

    `blend` with the pixels' part done: picture = keep * (moved photo, sampled `shift` further, + tone) + add.
    """

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.decoder = network.decoder

    def forward(
        self,
        moved: Tensor,
        nearest: Tensor,
        regions: Tensor,
        seam: Tensor,
        grid: Tensor,
        latent4: Tensor,
        latent8: Tensor,
        condition: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return one frame's layers.

        Args:
            moved, nearest: (1, S, S, 3) uint8; regions: (1, S, S, 5) uint8.
            seam: (1, S, S, 1) uint8, 255 on the head, falling to 0 around it: outside nothing changes.
            grid, latent4, latent8, condition: as `FaceDecoder.forward`.

        Returns:
            add (1, H, W, 3), levels of 255; keep (1, H, W, 3), 0..1; shift (1, S/4, S/4, 2), pixels of the crop; tone
            (1, S/8, S/8, 3), levels of 255.
        """
        masks = regions.permute(0, 3, 1, 2).to(grid.dtype) / 255
        within = seam.permute(0, 3, 1, 2).to(grid.dtype) / 255
        photos = (centred(picture).to(grid.dtype) for picture in (moved, nearest))
        layers = self.decoder(*photos, masks, grid, latent4, latent8, condition)
        mask = layers.mask * inner(within)
        return (
            (mask * (127.5 * layers.pixels + 127.5)).permute(0, 2, 3, 1),
            (1 - mask).permute(0, 2, 3, 1),
            (layers.shift * within[:, :, 2::4, 2::4] * (moved.shape[1] / 2)).permute(0, 2, 3, 1),
            (layers.tone * within[:, :, 4::8, 4::8] * 127.5).permute(0, 2, 3, 1),
        )


def centred(rgb: Tensor) -> Tensor:
    """Return pictures (B, S, S, 3) uint8 as the network takes them: (B, 3, S, S), -1..1."""
    return rgb.permute(0, 3, 1, 2).float() / 127.5 - 1

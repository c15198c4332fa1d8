"""MuseTalk's networks, run by the package diffusers: a square and what is heard in, the square with that mouth out.

square (B, 256, 256, 3) --+--> lower half black --> VAE --> (B, 4, 32, 32) --+
                          +-----------------------> VAE --> (B, 4, 32, 32) --+--> U-Net, one step --> VAE --> square
heard (B, 50, 384) + sinusoids of its 50 places ---- cross-attention ---------^
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn

from avatar.errors import ModelError
from avatar.generator.musetalk import SIDE

DOWN: Final = 8
"""Pixels of the square to a side of its latents."""
LONGEST_WAVE: Final = 10_000.0
"""Of the sinusoids (arXiv 1706.03762, section 3.5), in places."""


class DubbingNetwork(nn.Module):
    """(B, 256, 256, 3) RGB uint8 and (B, N, D) -> (B, 256, 256, 3) RGB uint8, whose lower halves are drawn anew."""

    def __init__(self, unet: Any, vae: Any, heard_shape: tuple[int, int]) -> None:
        super().__init__()
        self.unet, self.vae = unet, vae
        self.scaling = float(vae.config.scaling_factor)
        self.register_buffer("places", sinusoids(*heard_shape), persistent=False)
        self.register_buffer("step", torch.zeros(1, dtype=torch.long), persistent=False)

    def forward(self, squares: Tensor, heard: Tensor) -> tuple[Tensor]:
        kind = next(self.unet.parameters()).dtype
        levels = squares.permute(0, 3, 1, 2).to(kind) / 127.5 - 1
        masked = torch.cat([levels[:, :, : SIDE // 2], torch.full_like(levels[:, :, SIDE // 2 :], -1)], dim=2)
        latents = self.vae.encode(torch.cat([masked, levels])).latent_dist.mode() * self.scaling
        seen = torch.cat(latents.chunk(2), dim=1)  # (B, 8, 32, 32), the masked ones first
        voice = (heard + self.places).to(kind)
        drawn = self.unet(seen, self.step, encoder_hidden_states=voice).sample
        rgb = self.vae.decode(drawn / self.scaling).sample
        picture = ((rgb.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return (picture.permute(0, 2, 3, 1).contiguous(),)


def sinusoids(places: int, size: int) -> Tensor:
    """Return (places, size): sines and cosines of each place by turns, waves from 2 pi to `LONGEST_WAVE` times that."""
    rates = torch.exp(torch.arange(0, size, 2) * (-math.log(LONGEST_WAVE) / size))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def load_dubbing(folder: Path, heard_shape: tuple[int, int], device: torch.device, kind: torch.dtype) -> DubbingNetwork:
    """Return the networks of the folders `unet` and `vae` in a folder, on a device.

    Args:
        folder: where `avatar models pull musetalk` has put them.
        heard_shape: of what is heard around a moment: `WhisperHearing.shape`.
        device: that runs them.
        kind: of the numbers that they compute with.

    Raises:
        ModelError: one is missing, damaged, or another network.
    """
    unet = _loaded(diffusers.UNet2DConditionModel, folder / "unet", kind)
    vae = _loaded(diffusers.AutoencoderKL, folder / "vae", kind)
    channels, down = int(vae.config.latent_channels), 2 ** (len(vae.config.block_out_channels) - 1)
    found = unet.config.in_channels, unet.config.out_channels, unet.config.cross_attention_dim, down
    wanted = 2 * channels, channels, heard_shape[1], DOWN
    if found != wanted:
        raise ModelError(
            f"The networks in {folder} do not fit each other (channels in and out, size of what is heard, pixels a "
            f"latent: {found}, not {wanted}): remove the folder and run avatar models pull musetalk."
        )
    network = DubbingNetwork(unet, vae, heard_shape)
    return network.eval().requires_grad_(requires_grad=False).to(device)


def _loaded(kind_of_model: Any, folder: Path, kind: torch.dtype) -> Any:
    try:
        model, loading = kind_of_model.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            torch_dtype=kind,
            output_loading_info=True,
        )
    except Exception as error:  # whatever diffusers makes of a folder that somebody filled
        raise ModelError(
            f"MuseTalk's weights in {folder} cannot be loaded ({error}): remove the folder and run avatar models pull "
            "musetalk."
        ) from error
    if strange := sorted([*loading["missing_keys"], *loading["unexpected_keys"], *loading["mismatched_keys"]]):
        raise ModelError(
            f"MuseTalk's weights in {folder} do not fit, {strange[0]} for one: they are another network's."
        )
    if not all(bool(torch.isfinite(value).all()) for value in model.parameters()):
        raise ModelError(f"MuseTalk's weights in {folder} hold something that is not a number: fetch them again.")
    return model

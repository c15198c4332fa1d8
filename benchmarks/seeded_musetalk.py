"""MuseTalk's networks with seeded weights, tiny or of the published sizes: as on their hub, or ready to draw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avatar.generator.musetalk.tier import PARTS

SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Sizes:
    """The configurations of the three networks."""

    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    whisper: Mapping[str, Any]
    whisper_s: int
    """Seconds of sound that Whisper takes."""


_LISTENER: Final[Mapping[str, Any]] = {"num_mel_bins": 80, "decoder_layers": 1, "max_target_positions": 8}
"""Whisper's words are not asked for: of what says them there is as little as can be."""
TINY: Final = Sizes(
    unet={
        "act_fn": "silu",
        "attention_head_dim": 2,
        "block_out_channels": [8, 8],
        "cross_attention_dim": 16,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "in_channels": 8,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "out_channels": 4,
        "sample_size": 64,
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    },
    vae={
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "block_out_channels": [4, 4, 4, 4],
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 2,
    },
    whisper={
        **_LISTENER,
        "d_model": 16,
        "encoder_layers": 4,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 16,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 16,
        "max_source_positions": 100,
        "vocab_size": 32,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 3,
    },
    whisper_s=2,
)
PUBLISHED: Final = Sizes(
    unet={
        "act_fn": "silu",
        "attention_head_dim": 8,
        "block_out_channels": [320, 640, 1280, 1280],
        "cross_attention_dim": 384,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "in_channels": 8,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "out_channels": 4,
        "sample_size": 64,
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    },
    vae={
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
        "latent_channels": 4,
        "norm_num_groups": 32,
    },
    whisper={
        **_LISTENER,
        "d_model": 384,
        "encoder_layers": 4,
        "encoder_attention_heads": 6,
        "encoder_ffn_dim": 1536,
        "decoder_attention_heads": 6,
        "decoder_ffn_dim": 1536,
        "max_source_positions": 1500,
    },
    whisper_s=30,
)
"""Of Stable Diffusion 1's U-Net with 8 channels in and 384 numbers heard, its autoencoder, and Whisper tiny."""


def write_published(hub: Path, sizes: Sizes = TINY) -> None:
    """Write the three repositories' files as they lie on the hub."""
    import torch  # noqa: PLC0415 - only where they are installed
    from diffusers import UNet2DConditionModel  # noqa: PLC0415

    torch.manual_seed(SEED)
    folder = hub / "TMElyralab/MuseTalk/resolve/main/musetalkV15"
    folder.mkdir(parents=True)
    config = {"_class_name": "UNet2DConditionModel", **sizes.unet}
    (folder / "musetalk.json").write_text(json.dumps(config))
    torch.save(UNet2DConditionModel.from_config(config).state_dict(), folder / "unet.pth")
    _write_vae(hub / "stabilityai/sd-vae-ft-mse/resolve/main", sizes)
    _write_whisper(hub / "openai/whisper-tiny/resolve/main", sizes)


def write_ready(folder: Path, sizes: Sizes) -> None:
    """Write the three networks' folders as `avatar models pull musetalk` leaves them, unless they are there."""
    import torch  # noqa: PLC0415
    from diffusers import UNet2DConditionModel  # noqa: PLC0415

    if all((folder / part / file).is_file() for part, files in PARTS.items() for file in files):
        return
    torch.manual_seed(SEED)
    UNet2DConditionModel(**sizes.unet).half().save_pretrained(folder / "unet")
    _write_vae(folder / "vae", sizes)
    _write_whisper(folder / "whisper", sizes)


def _write_vae(folder: Path, sizes: Sizes) -> None:
    from diffusers import AutoencoderKL  # noqa: PLC0415

    AutoencoderKL(**sizes.vae).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    del config["scaling_factor"]  # the published one is from before there was one
    (folder / "config.json").write_text(json.dumps(config))


def _write_whisper(folder: Path, sizes: Sizes) -> None:
    from transformers import (  # noqa: PLC0415
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    WhisperForConditionalGeneration(WhisperConfig(**sizes.whisper)).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80, chunk_length=sizes.whisper_s).save_pretrained(folder)

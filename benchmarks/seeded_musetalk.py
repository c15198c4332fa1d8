"""MuseTalk's networks, tiny and with seeded weights, laid out as their hub publishes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

UNET: Final[dict[str, Any]] = {
    "_class_name": "UNet2DConditionModel",
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
}
VAE: Final[dict[str, Any]] = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [4, 4, 4, 4],
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 2,
}
WHISPER: Final[dict[str, Any]] = {
    "d_model": 16,
    "encoder_layers": 4,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 16,
    "num_mel_bins": 80,
    "max_source_positions": 100,
    "max_target_positions": 8,
    "vocab_size": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}


def write_published(hub: Path) -> None:
    """Write the three repositories' files as they lie on the hub."""
    import torch  # noqa: PLC0415 - only where they are installed
    from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    torch.manual_seed(7)
    folder = hub / "TMElyralab/MuseTalk/resolve/main/musetalkV15"
    folder.mkdir(parents=True)
    (folder / "musetalk.json").write_text(json.dumps(UNET))
    torch.save(UNet2DConditionModel.from_config(UNET).state_dict(), folder / "unet.pth")
    folder = hub / "stabilityai/sd-vae-ft-mse/resolve/main"
    AutoencoderKL(**VAE).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    del config["scaling_factor"]  # the published one is from before there was one
    (folder / "config.json").write_text(json.dumps(config))
    folder = hub / "openai/whisper-tiny/resolve/main"
    WhisperForConditionalGeneration(WhisperConfig(**WHISPER)).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80, chunk_length=2).save_pretrained(folder)

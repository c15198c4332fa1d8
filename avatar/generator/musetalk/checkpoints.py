"""MuseTalk's published checkpoint: read once, nothing in it run, and kept as safetensors in half precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import diffusers
import torch

from avatar.errors import ModelError
from avatar.generator.checkpoint_file import checkpoint_entries, read_checkpoint
from avatar.generator.network_weights import write_tensors
from avatar.models.tensor_file import write_whole

CHECKPOINT: Final = "unet.pth"
CONFIG: Final = "musetalk.json"
LARGEST_BYTES: Final = 4_000_000_000
"""Of the checkpoint: 850 million numbers of 4 bytes."""
LARGEST_CONFIG: Final = 65_536
"""Bytes of its JSON file."""


def convert_unet(folder: Path, into: Path) -> None:
    """Write the U-Net of a folder, laid out as published, as diffusers reads it, its numbers of 2 bytes.

    GPUs draw with such numbers, and its own program offers the same.

    Raises:
        ModelError: a file is missing, damaged, larger than it can be, no file of weights alone, or another network's.
        OSError: the folder cannot be written.
    """
    config, path = read_config(folder / CONFIG), folder / CHECKPOINT
    state = checkpoint_entries(read_checkpoint(path, LARGEST_BYTES, "musetalk"), "", path)
    try:
        with torch.device("meta"):
            wanted = diffusers.UNet2DConditionModel.from_config(config).state_dict()
    except Exception as error:  # whatever diffusers makes of a file that somebody wrote
        raise ModelError(f"{folder / CONFIG} describes no U-Net ({error}): fetch it again.") from error
    if strange := sorted(wanted.keys() ^ state.keys()):
        lacks = "lacks" if strange[0] in wanted else "has, beside what belongs there,"
        raise ModelError(f"{path} {lacks} {strange[0]} (and {len(strange) - 1} more): it is another network's.")
    for name, value in state.items():
        if value.shape != wanted[name].shape or not value.dtype.is_floating_point:
            raise ModelError(f"{path} holds {name} as {value.dtype} of {tuple(value.shape)}: it is another network's.")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"{path} holds something that is not a number in {name}: fetch it again.")
    weights = {name: value.to(torch.float16) for name, value in state.items()}
    write_whole(into / "config.json", json.dumps(config, indent=2).encode())
    write_tensors(into / "diffusion_pytorch_model.safetensors", weights, {"format": "pt"})


def read_config(path: Path) -> dict[str, Any]:
    """Return a network's configuration. Raises ModelError: it is missing, too large, or no JSON object."""
    try:
        with path.open("rb") as file:
            read = json.loads(file.read(LARGEST_CONFIG + 1)[:LARGEST_CONFIG])
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: fetch it with avatar models pull musetalk.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged ({error}): fetch it again.") from error
    if not isinstance(read, dict):
        raise ModelError(f"{path} is no network's configuration: fetch it again.")
    return read

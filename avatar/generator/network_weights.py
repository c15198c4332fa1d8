"""The network's weights as safetensors: written whole or not at all, read only when they are what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from avatar.errors import ModelError
from avatar.generator import network_files
from avatar.generator.network import SIZES, FaceNetwork
from avatar.models.tensor_file import write_tensor_file

VERSION: Final = str(network_files.VERSION)


def save_weights(path: Path, network: nn.Module, tier: str, about: dict[str, Any]) -> None:
    """Write a network's weights, with what is to be known of them."""
    tensors = {name: value.float() for name, value in network.state_dict().items()}
    metadata = {"format": network_files.FORMAT, "version": VERSION, "tier": tier, "about": json.dumps(about)}
    write_tensors(path, tensors, metadata)


def load_weights(path: Path) -> tuple[str, dict[str, Tensor], dict[str, Any]]:
    """Return (tier, tensors, what is to be known of them).

    Raises:
        ModelError: the file is missing, truncated, or not weights of this version.
    """
    tensors, metadata = read_tensors(path, network_files.FORMAT, VERSION)
    return metadata["tier"], tensors, json.loads(metadata["about"])


def load_network(path: Path) -> tuple[str, FaceNetwork]:
    """Return (tier, network) of a weights file, ready to run.

    Raises:
        ModelError: the file is missing, truncated, or belongs to networks of another version or shape.
    """
    tier, tensors, _ = load_weights(path)
    try:
        network = FaceNetwork(SIZES[tier])
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} does not fit this version's networks: {error}") from error
    return tier, network.eval()


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file that appears whole or not at all, even when the machine fails."""
    write_tensor_file(path, {name: value.detach().cpu().numpy() for name, value in tensors.items()}, metadata)


def read_tensors(path: Path, wanted: str, version: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return (tensors, metadata) of a file whose metadata names the format and version asked for.

    Raises:
        ModelError: the file is missing, damaged, or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("format") != wanted or metadata.get("version") != version:
                found = f"{metadata.get('format', 'something else')} version {metadata.get('version', '?')}"
                raise ModelError(f"{path} holds {found}, not {wanted} version {version}: make it again.")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing.") from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged ({error}): restore it from a copy or make it again.") from error

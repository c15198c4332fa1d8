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
from avatar.generator.network_input import CONDITION_SIZE
from avatar.models.tensor_file import write_tensor_file

VERSION: Final = "5"
"""Of the weights; raised when they mean something else."""
_WITH_SPEECH: Final = "4"
"""Weights of this version have a column more for each of 33 numbers about speech, which were always zero."""
_SIZE_WITH_SPEECH: Final = CONDITION_SIZE + 33


def save_weights(path: Path, network: nn.Module, tier: str, about: dict[str, Any]) -> None:
    """Write a network's weights, with what is to be known of them."""
    write_weights(path, {name: value.float() for name, value in network.state_dict().items()}, tier, about)


def write_weights(path: Path, tensors: dict[str, Tensor], tier: str, about: dict[str, Any]) -> None:
    """Write a network's tensors in the precision they have, with what is to be known of them."""
    metadata = {"format": network_files.FORMAT, "version": VERSION, "tier": tier, "about": json.dumps(about)}
    write_tensors(path, tensors, metadata)


def load_weights(path: Path) -> tuple[str, dict[str, Tensor], dict[str, Any]]:
    """Return (tier, tensors, what is to be known of them).

    Raises:
        ModelError: the file is missing, truncated, or not weights of this version.
    """
    tensors, metadata = read_tensors(path, network_files.FORMAT, VERSION, _WITH_SPEECH)
    return metadata["tier"], without_speech(tensors), json.loads(metadata["about"])


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


def without_speech(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of any version, or an optimiser's moments of them, with no columns for numbers about speech.

    They were zero whenever the network ran, so it draws the same without.
    """
    return {
        name: value[:, :CONDITION_SIZE].clone() if value.ndim == 2 and value.shape[1] == _SIZE_WITH_SPEECH else value
        for name, value in tensors.items()
    }


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file that appears whole or not at all, even when the machine fails."""
    write_tensor_file(path, {name: value.detach().cpu().numpy() for name, value in tensors.items()}, metadata)


def read_tensors(path: Path, wanted: str, *versions: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return (tensors, metadata) of a file whose metadata names the format and one of the versions asked for.

    Raises:
        ModelError: the file is missing, damaged, or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("format") != wanted or metadata.get("version") not in versions:
                found = f"{metadata.get('format', 'something else')} version {metadata.get('version', '?')}"
                raise ModelError(f"{path} holds {found}, not {wanted} version {versions[0]}: make it again.")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing.") from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged ({error}): restore it from a copy or make it again.") from error

"""The state of a training run, written whole or not at all: a run killed at any moment goes on from its last one."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from avatar.errors import ModelError

FORMAT: Final = "avatar-training"
WEIGHTS_FORMAT: Final = "avatar-face-network"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    tier: str
    """Key of `generator.network.SIZES`."""
    seed: int
    step: int
    seconds: float
    """Spent in training, over all its parts."""
    best_score: float
    best_step: int


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's per-parameter state as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{key}": value.detach().cpu() for index, values in state.items() for key, value in values.items()}


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Bring back what `optimiser_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def save_state(path: Path, progress: Progress, parts: dict[str, dict[str, Tensor]]) -> None:
    """Write a run's state: named parts of named tensors."""
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part, names in parts.items()
        for name, value in names.items()
    }
    _write(path, tensors, {"format": FORMAT, "version": VERSION, "progress": json.dumps(asdict(progress))})


def load_state(path: Path) -> tuple[Progress, dict[str, dict[str, Tensor]]]:
    """Return what `save_state` wrote.

    Raises:
        ModelError: the file is not a state of a run of this version.
    """
    tensors, metadata = _read(path, FORMAT)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, rest = name.split("/", 1)
        parts.setdefault(part, {})[rest] = value
    return Progress(**json.loads(metadata["progress"])), parts


def save_weights(path: Path, network: nn.Module, tier: str, about: dict[str, Any]) -> None:
    """Write a network's weights, with what is to be known of them."""
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in network.state_dict().items()}
    _write(path, tensors, {"format": WEIGHTS_FORMAT, "version": VERSION, "tier": tier, "about": json.dumps(about)})


def load_weights(path: Path) -> tuple[str, dict[str, Tensor], dict[str, Any]]:
    """Return (tier, tensors, what is to be known of them).

    Raises:
        ModelError: the file is missing, truncated, or not weights of this version.
    """
    tensors, metadata = _read(path, WEIGHTS_FORMAT)
    return metadata["tier"], tensors, json.loads(metadata["about"])


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata)
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    part.replace(path)


def _read(path: Path, wanted: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("format") != wanted or metadata.get("version") != VERSION:
                found = f"{metadata.get('format', 'something else')} version {metadata.get('version', '?')}"
                raise ModelError(f"{path} holds {found}, not {wanted} version {VERSION}: make it again.")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing.") from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged ({error}): restore it from a copy or make it again.") from error

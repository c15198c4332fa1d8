"""The state of a training run: one killed at any moment goes on from its last one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from avatar.generator.network_weights import read_tensors, without_speech, write_tensors

FORMAT: Final = "avatar-training"
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
    tensors = {f"{part}/{name}": value for part, names in parts.items() for name, value in names.items()}
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, "progress": json.dumps(asdict(progress))})


def load_state(path: Path) -> tuple[Progress, dict[str, dict[str, Tensor]]]:
    """Return what `save_state` wrote.

    Raises:
        ModelError: the file is not a state of a run of this version.
    """
    tensors, metadata = read_tensors(path, FORMAT, VERSION)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, rest = name.split("/", 1)
        parts.setdefault(part, {})[rest] = value
    # Runs begun with a network that was told of speech go on without: its columns have learnt nothing.
    return Progress(**json.loads(metadata["progress"])), {name: without_speech(part) for name, part in parts.items()}

"""LivePortrait's published checkpoints: read once, nothing in them run, and kept as one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from torch import Tensor

from avatar.errors import ModelError
from avatar.generator.checkpoint_file import checkpoint_entries, read_checkpoint
from avatar.generator.network_weights import write_tensors
from avatar.generator.portrait.networks import COUNTER, FORMAT, VERSION, check_weights, empty_networks

LARGEST_BYTES: Final = 400_000_000
"""Of a checkpoint; the largest, G's, has 222 million bytes."""


class Checkpoint(NamedTuple):
    """Where a network's weights are published."""

    file: str
    """Beneath the folder `liveportrait` of the hub's repository."""
    part: str = ""
    """The entry of the file that they are in; empty: they are all of it."""


_RETARGETING: Final = "retargeting_models/stitching_retargeting_module.pth"
CHECKPOINTS: Final[Mapping[str, Checkpoint]] = {
    "appearance": Checkpoint("base_models/appearance_feature_extractor.pth"),
    "motion": Checkpoint("base_models/motion_extractor.pth"),
    "warping": Checkpoint("base_models/warping_module.pth"),
    "decoder": Checkpoint("base_models/spade_generator.pth"),
    "stitching": Checkpoint(_RETARGETING, "retarget_shoulder"),
    "lip": Checkpoint(_RETARGETING, "retarget_mouth"),
    "eye": Checkpoint(_RETARGETING, "retarget_eye"),
}
"""By the networks' names."""


def convert_checkpoints(folder: Path, into: Path) -> None:
    """Write the weights of the checkpoints in a folder, laid out as published, as one safetensors file.

    Raises:
        ModelError: one is missing, damaged, larger than it can be, no file of weights alone, or another network's.
        OSError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    networks = empty_networks().by_name()
    for name, checkpoint in CHECKPOINTS.items():
        path = folder / checkpoint.file
        state = checkpoint_entries(read_checkpoint(path, LARGEST_BYTES, "liveportrait"), checkpoint.part, path)
        weights = fold_spectral_norm({key: value for key, value in state.items() if not key.endswith(COUNTER)})
        check_weights(weights, networks[name], str(path))
        tensors |= {f"{name}.{key}": value for key, value in weights.items()}
    write_tensors(into, tensors, {"format": FORMAT, "version": VERSION})


def fold_spectral_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state in which each weight is divided by its largest singular value, as torch does when it runs.

    torch keeps `weight_orig` and that value's singular vectors `weight_u` and `weight_v` (spectral normalisation,
    arXiv 1802.05957).
    """
    folded = {}
    for name, value in state.items():
        if name.endswith("weight_orig"):
            left, right = (state.get(name.removesuffix("orig") + side) for side in "uv")
            if left is None or right is None or (len(left), len(right)) != value.flatten(1).shape:
                raise ModelError(f"{name} comes without the singular vectors that belong to it.")
            folded[name.removesuffix("_orig")] = value / (left @ value.flatten(1) @ right)
        elif not name.endswith(("weight_u", "weight_v")):
            folded[name] = value
    return folded

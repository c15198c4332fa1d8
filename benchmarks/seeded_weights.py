"""Weights that depend on nothing but the names and shapes of a network's entries, in the layout LivePortrait publishes.

Two implementations that agree on names and shapes must give the same answers with them, so that ours can be held
against the original modules without anybody's trained weights.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar.models.store import models_folder
from avatar.types import F32

PREFIXES: Final = {
    "appearance": "F",
    "motion": "M",
    "warping": "W",
    "decoder": "G",
    "stitching": "S_stitching",
    "lip": "S_lip",
    "eye": "S_eye",
}
"""What the names of a network's numbers begin with, by its own name."""
POWER_STEPS: Final = 8
"""Steps of the power iteration that finds a weight's largest singular value."""


def draw(name: str, shape: tuple[int, ...]) -> F32:
    """Return standard normal numbers of a shape, seeded by the CRC-32 of a name."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return generator.standard_normal(shape).astype(np.float32)


def seeded_entry(name: str, shape: tuple[int, ...], prefix: str) -> F32:
    """Return one entry: a weight over the root of its inputs, a norm's scale around 1, a small bias or mean."""
    numbers = draw(f"{prefix}.{name}", shape)
    if name.endswith("running_var"):
        return np.asarray(0.5 + np.abs(numbers), np.float32)
    if name.endswith("running_mean"):
        return np.asarray(0.1 * numbers, np.float32)
    if len(shape) >= 2:
        return np.asarray(numbers / max(1, int(np.prod(shape[1:]))) ** 0.5, np.float32)
    if name.endswith(("weight", "gamma")):
        return np.asarray(1 + 0.1 * numbers, np.float32)
    return np.asarray(0.05 * numbers, np.float32)


def published_state(name: str) -> dict[str, Any]:
    """Return the state that a checkpoint of one of LivePortrait's networks holds, as torch tensors."""
    import torch  # noqa: PLC0415 - only where it is installed

    from avatar.generator.portrait.networks import empty_networks, weights_of  # noqa: PLC0415

    state: dict[str, Any] = {}
    for entry, value in weights_of(empty_networks().by_name()[name]).items():
        shape = tuple(value.shape)
        if name == "decoder" and entry.split(".")[-2] in ("conv_0", "conv_1", "conv_s") and entry.endswith("weight"):
            state |= _spectral(entry, seeded_entry(f"{entry}_orig", shape, PREFIXES[name]), PREFIXES[name])
        else:
            state[entry] = seeded_entry(entry, shape, PREFIXES[name])
        if entry.endswith("running_var"):
            state[entry.replace("running_var", "num_batches_tracked")] = np.array(0)
    return {entry: torch.from_numpy(value) for entry, value in state.items()}


def write_published(folder: Path) -> None:
    """Write all checkpoints as the hub lays them out, half a gigabyte."""
    import torch  # noqa: PLC0415

    from avatar.generator.portrait.checkpoints import CHECKPOINTS  # noqa: PLC0415

    files: dict[str, dict[str, Any]] = {}
    for name, checkpoint in CHECKPOINTS.items():
        state = published_state(name)
        if checkpoint.part:
            # These were trained on several GPUs at once, which leaves a prefix.
            files.setdefault(checkpoint.file, {})[checkpoint.part] = {f"module.{key}": v for key, v in state.items()}
        else:
            files[checkpoint.file] = state
    for file, holds in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        torch.save(holds, folder / file)


@contextlib.contextmanager
def seeded_models(folder: Path | None = None, published: Path | None = None) -> Iterator[Path]:
    """Have this process and those it starts find LivePortrait's networks, with seeded weights, in a models folder.

    The other models of the present folder are there too. Pictures look like noise. Takes half a minute and a gigabyte
    of disk, half of it until the end.

    Args:
        folder: is filled, or was filled before; None: a temporary one.
        published: has the checkpoints as `write_published` writes them; None: they are written.
    """
    from avatar.generator.portrait.checkpoints import convert_checkpoints  # noqa: PLC0415 - imports torch
    from avatar.generator.portrait.expression_map import unfitted_map, write_map  # noqa: PLC0415
    from avatar.generator.portrait.tier import MAP, WEIGHTS  # noqa: PLC0415

    present = models_folder()
    with tempfile.TemporaryDirectory() as temporary:
        models = Path(temporary) / "models" if folder is None else folder
        models.mkdir(parents=True, exist_ok=True)
        for path in present.iterdir() if present.is_dir() else ():
            if path.is_file() and path.name not in (WEIGHTS, MAP) and not (models / path.name).exists():
                (models / path.name).symlink_to(path)
        if not (models / WEIGHTS).is_file():
            checkpoints = Path(temporary) / "published" if published is None else published
            if published is None:
                write_published(checkpoints)
            convert_checkpoints(checkpoints, models / WEIGHTS)
            shutil.rmtree(Path(temporary) / "published", ignore_errors=True)
        write_map(models / MAP, unfitted_map())
        before = os.environ.get("AVATAR_MODELS")
        os.environ["AVATAR_MODELS"] = str(models)
        try:
            yield models
        finally:
            if before is None:
                del os.environ["AVATAR_MODELS"]
            else:
                os.environ["AVATAR_MODELS"] = before


def _spectral(entry: str, weight: F32, prefix: str) -> Mapping[str, F32]:
    """Return a weight as spectral normalisation keeps it: with the vectors of its largest singular value."""
    matrix = weight.reshape(len(weight), -1)
    right = draw(f"{prefix}.{entry}_orig.v", (matrix.shape[1],))
    for _ in range(POWER_STEPS):
        left = _unit(matrix @ right)
        right = _unit(left @ matrix)
    return {f"{entry}_orig": weight, f"{entry}_u": left, f"{entry}_v": right}


def _unit(vector: F32) -> F32:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)

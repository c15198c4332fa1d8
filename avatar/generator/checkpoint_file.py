"""Checkpoints that others publish as torch files: opened as weights alone, nothing in them is ever run."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar.errors import ModelError


def read_checkpoint(path: Path, largest_bytes: int, model: str) -> Any:
    """Return what a checkpoint holds, which is tensors and plain containers or nothing.

    Args:
        path: the file.
        largest_bytes: more than any of the model's checkpoints has.
        model: by its name in `avatar models pull`.

    Raises:
        ModelError: it is missing, damaged, larger than that, or no file of weights alone.
    """
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            raise ModelError(f"{path} has {size:,} bytes, more than any of {model}'s checkpoints.")
        # Mapped, gigabytes are read as they are needed; only files of the newer kind can be.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: fetch it with avatar models pull {model}.") from error
    except ModelError:
        raise
    # A damaged or foreign file makes torch raise whatever its parsers do: UnpicklingError, RuntimeError, KeyError, ...
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path} is no file of torch weights alone, or damaged; nothing in it was run. Fetch it again. ({reason})"
        ) from error


def checkpoint_entries(read: Any, part: str, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, or of one of its parts, without the prefix of parallel training.

    Raises:
        ModelError: it holds something else.
    """
    found = read.get(part) if part and isinstance(read, dict) else read
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ModelError(f"{path} does not hold the weights {part or 'of one network'}: it is another file.")
    return {str(name).removeprefix("module."): value for name, value in found.items()}

"""The one place that writes safetensors: every array whole and in order, every file complete or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save


def tensor_bytes(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file that holds `arrays`, of any shape, memory order and stride."""
    # safetensors 0.8 writes an array's memory as it lies under the array's shape: one that was transposed, sliced or
    # broadcast comes back as other numbers, and nobody is told.
    return bytes(save({name: np.asarray(array, order="C") for name, array in arrays.items()}, dict(metadata)))


def write_tensor_file(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file; a crash in between leaves the old file as it was. Makes the folder. Raises OSError."""
    write_whole(path, tensor_bytes(arrays, metadata))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, even when the machine fails. Makes the folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

"""Whether a GPU can be used here, and if not, why, in words that say what to do."""

from __future__ import annotations

import ctypes
import re
import sys
from types import TracebackType
from typing import Any, Final

from avatar.errors import GpuMemoryError

GIGABYTE: Final = 1e9
_OUT_OF_MEMORY: Final = ("out of memory", "alloc_failed", "failed to allocate memory")
"""How torch, its libraries and ONNX Runtime say it."""
_DRIVER_SPEAKS: Final = re.compile(r"too old \(found version (\d+)\)")


def has_nvidia_driver() -> bool:
    """Return whether this machine has the driver that CUDA needs, without importing torch to ask it."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def require_cuda(torch: Any, *, driver: bool | None = None) -> None:
    """Raise RuntimeError unless torch can use a GPU; it says why it cannot.

    `driver`: whether there is one; None: it is looked for.
    """
    if not (has_nvidia_driver() if driver is None else driver):
        raise RuntimeError("there is no NVIDIA driver")
    wanted = torch.version.cuda
    if wanted is None:
        raise RuntimeError("this torch is built without CUDA: install the one for GPUs, as pytorch.org says")
    try:
        torch.cuda.init()
        count = torch.cuda.device_count()
    except (RuntimeError, AssertionError) as error:
        said = str(error)
        if found := _DRIVER_SPEAKS.search(said):
            speaks = f"{int(found[1]) // 1000}.{int(found[1]) % 1000 // 10}"
            raise RuntimeError(
                f"the NVIDIA driver is too old: it speaks CUDA {speaks}, this torch wants {wanted}. Update the driver, "
                f"or install a torch for CUDA {speaks}"
            ) from error
        raise RuntimeError(said.splitlines()[0] if said else "CUDA does not start") from error
    if not count:
        raise RuntimeError("the NVIDIA driver shows no GPU to this program (CUDA_VISIBLE_DEVICES hides them if set)")


def require_memory(torch: Any, needed_bytes: float, what: str, fits: str) -> None:
    """Raise RuntimeError unless the GPU has so much memory free for `what`; it says what `fits` instead."""
    free, total = torch.cuda.mem_get_info()
    if free < needed_bytes:
        raise RuntimeError(
            f"{what} needs about {needed_bytes / GIGABYTE:.1f} GB of the GPU's memory, and {free / GIGABYTE:.1f} of "
            f"{total / GIGABYTE:.1f} GB are free: end what holds it (nvidia-smi lists it), or use {fits}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch or ONNX Runtime means that the GPU's memory is full.

    What came before it counts too: a recording that breaks off for want of memory ends with another error.
    """
    while True:
        if type(error).__name__ == "OutOfMemoryError" or any(word in str(error).lower() for word in _OUT_OF_MEMORY):
            return True
        before = error.__cause__ or error.__context__
        if before is None:
            return False
        error = before


class WatchedMemory:
    """Raises GpuMemoryError where the body finds the GPU's memory full; what torch holds in reserve is given back."""

    def __init__(self, torch: Any = None) -> None:
        """Prepare; `torch`: as imported, where it is what draws."""
        self._torch = torch

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Raise an error of its own in place of one that says so."""
        if error is None or not is_out_of_memory(error):
            return
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        told = GpuMemoryError(f"The GPU's memory is full ({said}).")
        # The error holds on to everything that its frames know, and so to the memory.
        del error, at
        if self._torch is not None and self._torch.cuda.is_available():
            self._torch.cuda.empty_cache()
        try:
            raise told from None
        finally:
            told.__context__ = None

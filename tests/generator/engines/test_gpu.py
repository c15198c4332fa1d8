"""A GPU that cannot be used says why, and what to do. Stand-ins play torch: no GPU is needed."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from avatar.errors import GpuMemoryError
from avatar.generator.engines.gpu import WatchedMemory, require_cuda, require_memory


def torch_that(says: Exception | None = None, *, cuda: str | None = "13.0", count: int = 1, free: int = 0) -> Any:
    """A torch for CUDA whose start fails with `says`, and whose GPU has so many bytes free of 8 GB."""

    def init() -> None:
        if says is not None:
            raise says

    gpu = SimpleNamespace(
        init=init, device_count=lambda: count, mem_get_info=lambda: (free, 8_000_000_000), is_available=lambda: False
    )
    return SimpleNamespace(cuda=gpu, version=SimpleNamespace(cuda=cuda))


OLD_DRIVER = RuntimeError(
    "The NVIDIA driver on your system is too old (found version 11040). Please update your driver."
)


@pytest.mark.parametrize(
    ("torch", "driver", "says"),
    [
        (torch_that(), False, "there is no NVIDIA driver"),
        (torch_that(cuda=None), True, "built without CUDA: install"),
        (torch_that(OLD_DRIVER), True, "speaks CUDA 11.4, this torch wants 13.0. Update the driver, or install"),
        (torch_that(RuntimeError("No CUDA GPUs are available")), True, "No CUDA GPUs"),
        (torch_that(count=0), True, "shows no GPU"),
    ],
)
def test_what_keeps_cuda_from_starting_is_said(torch: Any, driver: bool, says: str) -> None:
    with pytest.raises(RuntimeError, match=says):
        require_cuda(torch, driver=driver)


def test_a_gpu_that_works_is_taken() -> None:
    require_cuda(torch_that(), driver=True)
    require_memory(torch_that(free=2_000_000_000), 1.5e9, "LivePortrait", "lite")


def test_a_gpu_that_is_too_small_says_what_fits() -> None:
    with pytest.raises(RuntimeError, match=r"needs about 1.5 GB .* 0.9 of 8.0 GB are free: .* use the tier lite"):
        require_memory(torch_that(free=900_000_000), 1.5e9, "LivePortrait", "the tier lite")


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize("error", [OutOfMemoryError("Tried to allocate 2 GiB"), RuntimeError("CUDA out of memory.")])
def test_a_full_memory_is_an_error_of_its_own(error: Exception) -> None:
    with pytest.raises(GpuMemoryError, match="memory is full"), WatchedMemory():
        raise error


def test_a_recording_that_breaks_off_for_want_of_memory_is_known_by_what_came_before() -> None:
    def record() -> None:
        try:
            raise OutOfMemoryError("Tried to allocate 2 GiB")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(GpuMemoryError, match="memory is full"), WatchedMemory():
        record()


def test_nothing_of_what_filled_the_memory_is_held_on_to() -> None:
    class Tensor:
        """Takes memory."""

    seen: list[weakref.ref[Tensor]] = []

    def draw() -> None:
        tensor = Tensor()
        seen.append(weakref.ref(tensor))
        raise OutOfMemoryError("full")

    with pytest.raises(GpuMemoryError) as raised, WatchedMemory():
        draw()
    gc.collect()
    assert raised.value.code == "gpu_memory_full" and seen[0]() is None


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="of another kind"), WatchedMemory():
        raise ValueError("of another kind")

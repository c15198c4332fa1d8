"""A device that runs networks in torch: looked at before they are loaded, shared by all calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

from avatar.generator.engines.cuda_graph import CudaGraph, Replay, SizedGraphs
from avatar.generator.engines.gpu import WatchedMemory, require_cuda, require_memory

Network = Callable[..., Sequence[Any]]


class TorchDevice:
    """One device. What runs on it besides drawing waits for its turn, and while a batch size is being recorded."""

    def __init__(self, name: str, threads: int, *, needed_bytes: float = 0.0, what: str = "") -> None:
        """Take a device.

        Args:
            name: `cpu` or `cuda`.
            threads: of a CPU for one picture.
            needed_bytes: of a GPU's memory, at least; 0: it is not looked at.
            what: is loaded onto it, for the message where it does not fit.

        Raises:
            RuntimeError: there is no such device, its driver is too old, or it has too little memory.
        """
        self.there = torch.device(name)
        self.on_gpu = self.there.type == "cuda"
        if self.on_gpu:
            require_cuda(torch)
            require_memory(torch, needed_bytes, what, "the tier lite or geometry")
        else:
            torch.set_num_threads(threads)
        self.engine = f"torch-{name}" if self.on_gpu else "torch"
        """What such an engine is called."""
        self.kind = torch.float16 if self.on_gpu else torch.float32
        """What networks that draw compute with."""
        self._drawing, self._launching = Lock(), Lock()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw a batch within: one at a time. Raises GpuMemoryError where the memory is found full."""
        with self._drawing, WatchedMemory(torch), torch.inference_mode():
            yield

    @contextmanager
    def launching(self) -> Iterator[None]:
        """Run anything else within, beside a batch. Raises GpuMemoryError where the memory is found full."""
        with self._launching, WatchedMemory(torch), torch.inference_mode():
            yield

    def by_batch(self, network: Network) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Return what runs a network on a batch's inputs: on a GPU recorded for each size."""
        if self.on_gpu:
            return SizedGraphs(network, self._record)
        return lambda inputs: network(*inputs)

    def _record(self, network: Network, inputs: Sequence[Any]) -> Replay:
        with self._launching:  # what other threads launch meanwhile could end up in the recording
            return CudaGraph(network, inputs)

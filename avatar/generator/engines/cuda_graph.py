"""A network's kernels recorded once for each batch size and replayed: launching them costs more than running them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

WARM_UP = 3
"""Runs before recording: they let cuDNN choose its kernels, and a compiled network be compiled."""


class Replay(Protocol):
    """A network for batches of one size."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Return its outputs for inputs of the recorded shapes; they are overwritten by the next call."""


Capture = Callable[[Callable[..., Sequence[Any]], Sequence[Any]], Replay]
"""Records a network with example inputs."""


class CudaGraph:
    """One recording on the present CUDA device."""

    def __init__(self, network: Callable[..., Sequence[Any]], inputs: Sequence[Any]) -> None:
        """Record. No other thread may launch anything meanwhile that this one waits for."""
        import torch  # noqa: PLC0415 - whoever has a network to record has imported it

        self._inputs = [part.clone() for part in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                network(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._outputs = list(network(*self._inputs))

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs, as `Replay` says."""
        for kept, new in zip(self._inputs, inputs, strict=True):
            kept.copy_(new)
        self._graph.replay()
        return self._outputs


class SizedGraphs:
    """A network that is recorded for batches of 1, 2, 4, 8, ...: others are filled up with their last frame."""

    def __init__(self, network: Callable[..., Sequence[Any]], capture: Capture = CudaGraph) -> None:
        self._network, self._capture = network, capture
        self._by_size: dict[int, Replay] = {}

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs of a batch, each with the frames that were asked for in front."""
        count = len(inputs[0])
        size = padded_size(count)
        if size > count:
            inputs = [filled_up(part, size) for part in inputs]
        if size not in self._by_size:
            self._by_size[size] = self._capture(self._network, inputs)
        return [part[:count] for part in self._by_size[size](inputs)]


def padded_size(count: int) -> int:
    """Return the smallest power of two that is no less than `count`."""
    return 1 << (count - 1).bit_length()


def filled_up(batch: Any, size: int) -> Any:
    """Return a batch (B, ...) of more frames, its last one over and over."""
    return batch[[*range(len(batch)), *([len(batch) - 1] * (size - len(batch)))]]

"""PyTorch: for GPUs, in half precision, channels last, replayed as one CUDA graph; on CPUs for comparison."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.network_files import NetworkFiles
from avatar.timing.batching import LARGEST_BATCH
from avatar.types import F32, U8


class TorchEngine:
    """The network in torch: float16 on a GPU, float32 on a CPU."""

    largest_batch = LARGEST_BATCH

    def __init__(self, name: str, files: NetworkFiles, threads: int) -> None:
        """Load the weights onto the device that `name` says: `torch-cuda` or `torch`.

        Raises:
            ImportError: torch is not installed.
            RuntimeError: there is no such device, or its memory is full.
            ModelError, TrainingError: the weights are missing, damaged or of another version.
        """
        if name == "torch-cuda" and not _has_nvidia_driver():
            raise RuntimeError("there is no NVIDIA driver")
        import torch  # noqa: PLC0415 - two seconds and 200 MB, and only where this engine is chosen

        from avatar.generator.network_export import FrameDecoder, FrameEncoder  # noqa: PLC0415
        from avatar.generator.network_weights import load_network  # noqa: PLC0415

        if name == "torch-cuda" and not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device")
        self.name, self.tier, self._torch = name, files.tier, torch
        self._device = torch.device("cuda" if name == "torch-cuda" else "cpu")
        on_gpu = self._device.type == "cuda"
        if not on_gpu:
            torch.set_num_threads(threads)
        self._kind = torch.float16 if on_gpu else torch.float32
        network = load_network(files.weights)[1].to(self._device, self._kind, memory_format=torch.channels_last)
        network.requires_grad_(requires_grad=False)
        self._encoder, self._decoder = FrameEncoder(network), FrameDecoder(network)
        self._graphs: dict[int, _CapturedDecoder] = {}
        self._lock = Lock()

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop (S, S, 3) RGB."""
        with self._torch.no_grad(), self._lock:
            found = self._encoder(self._there(rgb[None]))
        return Latents(*(part.float().cpu().numpy() for part in found))

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers."""
        return self.decode_batch([frame])[0]

    def decode_batch(self, frames: Sequence[FrameInput]) -> list[FrameLayers]:
        """Return the layers of one to `largest_batch` frames, drawn together.

        On a GPU a batch is filled up to a power of two: for each a graph is captured once, and they are few so.
        """
        named = [frame.by_name() for frame in frames]
        on_gpu = self._device.type == "cuda"
        size = 1 << (len(frames) - 1).bit_length() if on_gpu else len(frames)
        named += [named[-1]] * (size - len(frames))
        with self._torch.no_grad(), self._lock:
            inputs = [self._there(np.concatenate([one[name] for one in named])) for name in named[0]]
            if on_gpu:
                if size not in self._graphs:
                    self._graphs[size] = _CapturedDecoder(self._torch, self._decoder, inputs)
                found = self._graphs[size].run(inputs)
            else:
                found = self._decoder(*inputs)
            layers = [self._here(part) for part in found]
        return [FrameLayers(*(layer[number] for layer in layers)) for number in range(len(frames))]

    def _here(self, tensor: Any) -> Any:
        return np.ascontiguousarray((tensor if tensor.dtype == self._torch.uint8 else tensor.float()).cpu().numpy())

    def _there(self, array: F32 | U8) -> Any:
        tensor = self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        return tensor if array.dtype == np.uint8 else tensor.to(self._kind)


def _has_nvidia_driver() -> bool:
    """Return whether this machine has the driver that CUDA needs, without importing torch to ask it."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


class _CapturedDecoder:
    """The decoder's kernels recorded once and replayed: at batch 1 launching them costs more than running them."""

    def __init__(self, torch: Any, decoder: Any, inputs: list[Any]) -> None:
        self._inputs = [part.clone() for part in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # lets cuDNN choose its kernels before they are recorded
                decoder(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = decoder(*self._inputs)

    def run(self, inputs: list[Any]) -> list[Any]:
        for kept, new in zip(self._inputs, inputs, strict=True):
            kept.copy_(new)
        self._graph.replay()
        return list(self._outputs)

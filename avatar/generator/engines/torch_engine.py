"""PyTorch: for GPUs, in half precision, channels last, replayed as CUDA graphs; on CPUs for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from avatar.generator.engines.engine import FrameInput, FrameLayers, Latents
from avatar.generator.engines.gpu import has_nvidia_driver
from avatar.generator.network_files import NetworkFiles
from avatar.timing.batching import LARGEST_BATCH
from avatar.types import F32, U8


class TorchEngine:
    """The network in torch: float16 on a GPU, float32 on a CPU."""

    largest_batch = LARGEST_BATCH

    def __init__(self, name: str, files: NetworkFiles, threads: int) -> None:
        """Load the weights onto the device that `name` says: `torch`, `torch-cuda` or `torch-cuda-compiled`.

        The last lets torch compile the decoder, which takes a minute with the first frame of each batch size.

        Raises:
            ImportError: torch is not installed.
            RuntimeError: there is no such device, or its memory is full.
            ModelError, TrainingError: the weights are missing, damaged or of another version.
        """
        on_gpu = name.startswith("torch-cuda")
        if on_gpu and not has_nvidia_driver():
            raise RuntimeError("there is no NVIDIA driver")
        import torch  # noqa: PLC0415 - two seconds and 200 MB, and only where this engine is chosen

        from avatar.generator.engines.torch_device import TorchDevice  # noqa: PLC0415 - imports torch
        from avatar.generator.network_export import FrameDecoder, FrameEncoder  # noqa: PLC0415
        from avatar.generator.network_weights import load_network  # noqa: PLC0415

        self.name, self.tier, self._torch = name, files.tier, torch
        self._device = TorchDevice("cuda" if on_gpu else "cpu", threads)
        there, kind = self._device.there, self._device.kind
        network = load_network(files.weights)[1].to(there, kind, memory_format=torch.channels_last)
        network.requires_grad_(requires_grad=False)
        self._encoder, decoder = FrameEncoder(network), FrameDecoder(network)
        if name.endswith("-compiled"):
            decoder = torch.compile(decoder, dynamic=False)
        self._run = self._device.by_batch(decoder)

    def encode(self, rgb: U8) -> Latents:
        """Return the latents of a photo's crop (S, S, 3) RGB."""
        with self._device.launching():
            found = self._encoder(self._there(rgb[None]))
        return Latents(*(part.float().cpu().numpy() for part in found))

    def decode(self, frame: FrameInput) -> FrameLayers:
        """Return one frame's layers."""
        return self.decode_batch([frame])[0]

    def decode_batch(self, frames: Sequence[FrameInput]) -> list[FrameLayers]:
        """Return the layers of one to `largest_batch` frames, drawn together.

        Raises:
            GpuMemoryError: the GPU's memory is full.
        """
        named = [frame.by_name() for frame in frames]
        with self._device.drawing():
            inputs = [self._there(np.concatenate([one[name] for one in named])) for name in named[0]]
            layers = [self._here(part) for part in self._run(inputs)]
        return [FrameLayers(*(layer[number] for layer in layers)) for number in range(len(frames))]

    def _here(self, tensor: Any) -> Any:
        return np.ascontiguousarray((tensor if tensor.dtype == self._torch.uint8 else tensor.float()).cpu().numpy())

    def _there(self, array: F32 | U8) -> Any:
        tensor = self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device.there)
        return tensor if array.dtype == np.uint8 else tensor.to(self._device.kind)

"""MuseTalk's networks and its ear on a device, in torch: frames of several calls are drawn together on a GPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch

from avatar.errors import GpuMemoryError
from avatar.generator.engines.batching_engine import Batcher
from avatar.generator.engines.cuda_graph import CudaGraph, Replay, SizedGraphs, padded_size
from avatar.generator.engines.gpu import WatchedMemory, require_cuda, require_memory
from avatar.generator.musetalk import SIDE
from avatar.generator.musetalk.hearing import WhisperHearing
from avatar.generator.musetalk.networks import load_dubbing

if TYPE_CHECKING:
    from avatar.types import F32, U8

NEEDED_BYTES: Final = 4e9
"""Of a GPU's memory at least: 1.9 GB of weights, and what pictures take on their way."""
LARGEST_BATCH: Final = 8
"""Pictures at once: each takes as much work as fills a GPU."""

_log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """One picture's mouth."""

    square: U8
    """(256, 256, 3) RGB."""
    heard: F32
    """(50, 384)."""


class MuseTalkEngine:
    """The networks on one device. Shared by calls: any thread may call, one picture at a time each."""

    def __init__(self, folder: Path, device: str, threads: int) -> None:
        """Load the networks.

        Args:
            folder: `avatar models pull musetalk` fills it.
            device: `cpu` or `cuda`.
            threads: of a CPU for one picture.

        Raises:
            ModelError: the weights are missing, damaged, or others.
            RuntimeError: there is no such device, its driver is too old, or it has too little memory.
        """
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        if on_gpu:
            require_cuda(torch)
            require_memory(torch, NEEDED_BYTES, "MuseTalk", "the tier lite or geometry")
        else:
            torch.set_num_threads(threads)
        self.name = f"torch-{device}" if on_gpu else "torch"
        with WatchedMemory(torch):
            self._hearing = WhisperHearing(folder / "whisper", self._device)
            kind = torch.float16 if on_gpu else torch.float32
            network = load_dubbing(folder, self._hearing.shape, self._device, kind)
        self.samples, self.ahead_s = self._hearing.samples, self._hearing.ahead_s
        self._run: Any = SizedGraphs(network, self._record) if on_gpu else lambda inputs: network(*inputs)
        self._drawing, self._launching = Lock(), Lock()
        self.largest_batch = LARGEST_BATCH if on_gpu else 1
        self._batcher: Batcher[Asked, U8] = Batcher(self.draw_batch, self.largest_batch)

    def listen(self, sound: F32) -> F32 | None:
        """Return what is heard around a moment, as `VoiceListener` says; None where the GPU's memory is full."""
        try:
            with self._launching, WatchedMemory(torch):
                return self._hearing.states(sound)
        except GpuMemoryError as error:
            _log.warning("%s The voice moves the mouth as in other tiers.", error)
            return None

    def draw(self, square: U8, heard: F32) -> U8:
        """Return a face's square (256, 256, 3) RGB with the mouth of what is heard. Raises GpuMemoryError."""
        return self._batcher.draw(Asked(square, heard))

    def draw_batch(self, frames: Sequence[Asked]) -> list[U8]:
        """Return the squares of one to `largest_batch` frames, drawn together; fewer at once where memory is short.

        Raises:
            GpuMemoryError: there is not enough for one.
        """
        try:
            return self._draw_together(frames)
        except GpuMemoryError:
            if len(frames) == 1:
                raise
        half = padded_size(len(frames)) // 2
        if half < self._batcher.largest:
            _log.warning("The GPU's memory is too full for %d pictures at once: %d from now on.", len(frames), half)
            self._batcher.largest = self.largest_batch = half
        return [*self.draw_batch(frames[:half]), *self.draw_batch(frames[half:])]

    def _draw_together(self, frames: Sequence[Asked]) -> list[U8]:
        for frame in frames:
            if frame.square.shape != (SIDE, SIDE, 3):
                raise ValueError(f"A square has {SIDE} x {SIDE} pixels, not {frame.square.shape}.")
        with self._drawing, WatchedMemory(torch), torch.inference_mode():
            squares = torch.from_numpy(np.stack([frame.square for frame in frames])).to(self._device)
            heard = torch.from_numpy(np.stack([frame.heard for frame in frames])).to(self._device)
            (drawn,) = self._run([squares, heard])
            return [picture.cpu().numpy() for picture in drawn]

    def _record(self, network: Callable[..., Sequence[Any]], inputs: Sequence[Any]) -> Replay:
        with self._launching:  # what other threads launch meanwhile could end up in the recording
            return CudaGraph(network, inputs)

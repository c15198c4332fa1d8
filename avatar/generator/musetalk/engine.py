"""MuseTalk's networks and its ear on a device, in torch: frames of several calls are drawn together on a GPU."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

from avatar.errors import GpuMemoryError
from avatar.generator.engines.batching_engine import Batcher
from avatar.generator.engines.gpu import WatchedMemory
from avatar.generator.engines.torch_device import TorchDevice
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
        self._device = TorchDevice(device, threads, needed_bytes=NEEDED_BYTES, what="MuseTalk")
        self.name = self._device.engine
        with WatchedMemory(torch):
            self._hearing = WhisperHearing(folder / "whisper", self._device.there)
            network = load_dubbing(folder, self._hearing.shape, self._device.there, self._device.kind)
        self.samples, self.ahead_s = self._hearing.samples, self._hearing.ahead_s
        self._run = self._device.by_batch(network)
        largest = LARGEST_BATCH if self._device.on_gpu else 1
        self._batcher: Batcher[Asked, U8] = Batcher(self.draw_batch, largest)

    @property
    def largest_batch(self) -> int:
        """Frames that are drawn together at the most."""
        return self._batcher.largest

    def listen(self, sound: F32) -> F32 | None:
        """Return what is heard around a moment, as `VoiceListener` says; None where the GPU's memory is full."""
        try:
            with self._device.launching():
                return self._hearing.states(sound)
        except GpuMemoryError as error:
            _log.warning("%s The voice moves the mouth as in other tiers.", error)
            return None

    def draw(self, square: U8, heard: F32) -> U8:
        """Return a face's square (256, 256, 3) RGB with the mouth of what is heard. Raises GpuMemoryError."""
        return self._batcher.draw(Asked(square, heard))

    def draw_batch(self, frames: Sequence[Asked]) -> list[U8]:
        """Return the squares of one to `largest_batch` frames, drawn together. Raises GpuMemoryError."""
        for frame in frames:
            if frame.square.shape != (SIDE, SIDE, 3):
                raise ValueError(f"A square has {SIDE} x {SIDE} pixels, not {frame.square.shape}.")
        with self._device.drawing():
            squares = torch.from_numpy(np.stack([frame.square for frame in frames])).to(self._device.there)
            heard = torch.from_numpy(np.stack([frame.heard for frame in frames])).to(self._device.there)
            (drawn,) = self._run([squares, heard])
            return [picture.cpu().numpy() for picture in drawn]

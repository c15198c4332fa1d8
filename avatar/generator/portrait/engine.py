"""LivePortrait's networks on a device, in torch: frames of several calls are drawn together on a GPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

from avatar.generator.engines.batching_engine import Batcher
from avatar.generator.engines.torch_device import TorchDevice
from avatar.generator.portrait import CROP_SIDE
from avatar.generator.portrait.drawing import (
    MOTION_NUMBERS,
    PictureNetwork,
    PortraitSource,
    motion_numbers,
    photo_numbers,
)
from avatar.generator.portrait.keypoints import head_motion
from avatar.generator.portrait.networks import load_portrait_networks
from avatar.generator.portrait.placing import Placement, place, placed_i420
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.timing.batching import LARGEST_BATCH

if TYPE_CHECKING:
    from torch import Tensor

    from avatar.types import F32, U8

NEEDED_BYTES: Final = 1.5e9
"""Of a GPU's memory at least: 0.32 GB of weights, and what one picture takes on its way, with room for cuDNN's."""
KEPT_SOURCES: Final = 64
"""Photos that stay ready, 4 MB each in half precision: calls that show the same face share one."""
MEMORY_SHARE: Final = 0.5
"""Of the memory that is free once one picture has been drawn, what larger batches may take: calls need some too."""


class Asked(NamedTuple):
    """One picture."""

    source: PortraitSource
    motion: PortraitMotion
    placement: Placement | None = None
    """Where the square goes, for a finished picture in planar YUV; None: the square itself, RGB."""


class PortraitEngine:
    """The networks on one device. Shared by calls: any thread may call, one picture at a time each."""

    def __init__(
        self, weights: Path, device: str, threads: int, *, kind: torch.dtype | None = None, compiled: bool = False
    ) -> None:
        """Load the weights; on a GPU one picture is drawn, which shows what it takes.

        Args:
            weights: `avatar models pull liveportrait` makes the file.
            device: `cpu` or `cuda`.
            threads: of a CPU for one picture.
            kind: what those networks compute with that draw; None: half precision on a GPU, single on a CPU.
            compiled: lets torch compile them first, which takes minutes.

        Raises:
            ModelError: the weights are missing, damaged, or others.
            RuntimeError: there is no such device, its driver is too old, or it has too little memory.
        """
        self._device = TorchDevice(device, threads, needed_bytes=NEEDED_BYTES, what="LivePortrait")
        self.name, self._kind = self._device.engine, kind or self._device.kind
        half = self._kind != torch.float32
        networks = load_portrait_networks(weights, self._device.there, self._kind, channels_last=half)
        self._motion, self._appearance = networks.motion, networks.appearance
        self._network = network = PictureNetwork(networks)
        if compiled:
            self.name += "-compiled"
            network = torch.compile(network, dynamic=False)
        self._run = self._device.by_batch(network)
        self._sources: OrderedDict[bytes, PortraitSource] = OrderedDict()
        self.frame_bytes = 0
        """Of the GPU's memory that a picture of a batch takes on its way; 0 on a CPU."""
        largest = self._fitting_batch() if self._device.on_gpu else 1
        self._batcher: Batcher[Asked, U8] = Batcher(self.draw_batch, largest)
        self.composes = self._device.on_gpu  # a CPU is quicker with OpenCV

    @property
    def largest_batch(self) -> int:
        """Pictures that are drawn together at the most."""
        return self._batcher.largest

    def source(self, rgb: U8, lip_opening: float, eye_openings: tuple[float, float]) -> PortraitSource:
        """Return a photo's square, ready to be moved, as `PortraitDrawer` says. Raises GpuMemoryError."""
        told = np.array([lip_opening, *eye_openings], np.float32)
        key = blake2b(np.ascontiguousarray(rgb).tobytes() + told.tobytes()).digest()
        with self._device.launching():
            if key not in self._sources:
                crop = self._crop(rgb)
                numbers = photo_numbers(head_motion(self._motion(crop)), lip_opening, eye_openings)
                self._sources[key] = PortraitSource(self._appearance(crop.to(self._kind)), numbers)
            self._sources.move_to_end(key)
            if len(self._sources) > KEPT_SOURCES:
                self._sources.popitem(last=False)
            return self._sources[key]

    def read(self, rgb: U8) -> tuple[F32, F32]:
        """Return what a square shows, as `PortraitDrawer` says. Raises GpuMemoryError."""
        with self._device.launching():
            motion = head_motion(self._motion(self._crop(rgb)))
            offsets, rotation = motion.expression[0], motion.rotation[0].T
            return offsets.cpu().numpy(), rotation.cpu().numpy()

    def draw(self, source: PortraitSource, motion: PortraitMotion) -> U8:
        """Return the picture of a photo, moved, as `PortraitDrawer` says. Raises GpuMemoryError."""
        return self._batcher.draw(Asked(source, motion))

    def place(self, around_rgb: U8, share: U8, to_picture: F32) -> Placement:
        """Return where squares go in a picture, as `PictureComposer` says. Raises GpuMemoryError."""
        with self._device.launching():
            return place(around_rgb, share, to_picture, self._device.there)

    def draw_i420(self, source: PortraitSource, motion: PortraitMotion, placement: Placement) -> U8:
        """Return a finished picture, as `PictureComposer` says. Raises GpuMemoryError."""
        return self._batcher.draw(Asked(source, motion, placement))

    def draw_batch(self, frames: Sequence[Asked]) -> list[U8]:
        """Return the pictures of one to `largest_batch` moved photos, drawn together. Raises GpuMemoryError."""
        with self._device.drawing():
            volumes = torch.cat([frame.source.volume for frame in frames])
            photos = self._there(np.stack([frame.source.numbers for frame in frames]))
            motions = self._there(np.stack([motion_numbers(frame.motion) for frame in frames]))
            (squares,) = self._run([volumes, photos, motions])
            pictures = [
                square if frame.placement is None else placed_i420(square, frame.placement)
                for square, frame in zip(squares, frames, strict=True)
            ]
            return [picture.cpu().numpy() for picture in pictures]

    def _fitting_batch(self) -> int:
        """Draw one picture of nothing; return how many of them fit into the GPU's memory together."""
        black = np.zeros((CROP_SIDE, CROP_SIDE, 3), np.uint8)
        source = self.source(black, 0.0, (0.3, 0.3))
        before = torch.cuda.memory_reserved()
        torch.cuda.reset_peak_memory_stats()
        still = torch.zeros(1, len(source.numbers)), torch.zeros(1, MOTION_NUMBERS)
        with self._device.drawing():
            self._run([source.volume, *(part.to(self._device.there) for part in still)])
        self.frame_bytes = max(torch.cuda.max_memory_reserved() - before, 1)
        self._sources.clear()
        return fitting_batch(torch.cuda.mem_get_info()[0], self.frame_bytes)

    def _crop(self, rgb: U8) -> Tensor:
        """Return a square as the networks take it, (1, 3, 256, 256), 0..1."""
        if rgb.shape != (CROP_SIDE, CROP_SIDE, 3):
            raise ValueError(f"A square has {CROP_SIDE} x {CROP_SIDE} pixels, not {rgb.shape}.")
        levels = torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device.there)
        return levels.permute(2, 0, 1)[None].to(torch.float32) / 255

    def _there(self, values: F32) -> Tensor:
        return torch.from_numpy(values).to(self._device.there)


def fitting_batch(free_bytes: int, frame_bytes: int) -> int:
    """Return the largest batch, a power of two, whose pictures fit into a share of the free memory; one always does.

    Each size that is recorded keeps memory of its own: all smaller sizes together take as much again.
    """
    most = int(MEMORY_SHARE * free_bytes / (2 * frame_bytes))
    return max(1, min(LARGEST_BATCH, 1 << max(most.bit_length() - 1, 0)))

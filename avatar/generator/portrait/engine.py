"""LivePortrait's networks on a device, in torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch

from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait import CROP_SIDE
from avatar.generator.portrait.keypoints import HeadMotion, head_motion, stitched
from avatar.generator.portrait.networks import load_portrait_networks
from avatar.generator.portrait.portrait_motion import PortraitMotion

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from avatar.types import F32, U8


@dataclass(frozen=True, slots=True)
class PortraitSource:
    """A photo, ready to be moved."""

    volume: Tensor
    """(1, 32, 16, 64, 64), on the engine's device."""
    motion: HeadMotion
    """How the head is held in the photo."""
    keypoints: Tensor
    """(1, 21, 3)."""
    lip_opening: float
    """Of the photo's lips, as `crop.lip_opening` measures it."""
    eye_openings: tuple[float, float]


class PortraitEngine:
    """The networks on one device. Shared by calls: any thread may call, one picture at a time each."""

    def __init__(self, weights: Path, device: str, threads: int) -> None:
        """Load the weights; half precision on a GPU, single on a CPU, where a picture gets so many threads.

        Raises:
            ModelError: the weights are missing, damaged, or others.
            RuntimeError: there is no such device, or its memory is full.
        """
        self.name = f"torch-{device}" if device != "cpu" else "torch"
        self._device = torch.device(device)
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        self._kind = torch.float16 if self._device.type == "cuda" else torch.float32
        self._networks = load_portrait_networks(weights, self._device, self._kind)
        self._lock = Lock()

    def source(self, rgb: U8, lip_opening: float, eye_openings: tuple[float, float]) -> PortraitSource:
        """Return a photo's square, ready to be moved, as `PortraitDrawer` says."""
        with self._lock, torch.inference_mode():
            crop = self._crop(rgb)
            motion = head_motion(self._networks.motion(crop))
            volume = self._networks.appearance(crop)
        return PortraitSource(volume, motion, motion.keypoints(), lip_opening, eye_openings)

    def read(self, rgb: U8) -> tuple[F32, F32]:
        """Return what a square shows, as `PortraitDrawer` says."""
        with self._lock, torch.inference_mode():
            motion = head_motion(self._networks.motion(self._crop(rgb)))
            offsets, rotation = motion.expression[0], motion.rotation[0].T
            return offsets.float().cpu().numpy(), rotation.float().cpu().numpy()

    def draw(self, source: PortraitSource, motion: PortraitMotion) -> U8:
        """Return the picture of a photo, moved, as `PortraitDrawer` says."""
        with self._lock, torch.inference_mode():
            driven = self._driven(source, motion)
            offsets = self._networks.stitching(torch.cat([source.keypoints, driven], dim=1).flatten(1))
            warped = self._networks.warping(source.volume, stitched(driven, offsets), source.keypoints)
            picture = self._networks.decoder(warped.out)[0]
            levels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
            return np.ascontiguousarray(levels.cpu().numpy())

    def _driven(self, source: PortraitSource, motion: PortraitMotion) -> Tensor:
        """Return the keypoints of a motion, (1, 21, 3), before they are stitched."""
        held = source.motion
        moved = replace(
            held,
            # Ours turns columns, theirs rows: (R_ours R_held)^T = R_held^T R_ours^T.
            rotation=held.rotation @ self._there(motion.rotation.T),
            expression=held.expression + self._there(motion.expression),
            scale=held.scale * motion.scale,
            translation=held.translation + self._there(np.array([*motion.translation, 0], np.float32)),
        )
        rest, flat = source.keypoints, source.keypoints.flatten(1)
        opened = torch.zeros_like(rest)
        if motion.lip_share > 0:
            told = self._there(np.array([[source.lip_opening, motion.lip_opening]], np.float32))
            opened = opened + motion.lip_share * self._offsets(self._networks.lip(torch.cat([flat, told], dim=1)))
        if motion.eye_share > 0:
            told = self._there(np.array([[*source.eye_openings, motion.eye_opening]], np.float32))
            opened = opened + motion.eye_share * self._offsets(self._networks.eye(torch.cat([flat, told], dim=1)))
        return moved.keypoints() + opened

    @staticmethod
    def _offsets(flat: Tensor) -> Tensor:
        return flat.unflatten(1, (POINTS, 3))

    def _crop(self, rgb: U8) -> Tensor:
        """Return a square as the networks take it, (1, 3, 256, 256), 0..1."""
        if rgb.shape != (CROP_SIDE, CROP_SIDE, 3):
            raise ValueError(f"A square has {CROP_SIDE} x {CROP_SIDE} pixels, not {rgb.shape}.")
        levels = torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device)
        return (levels.permute(2, 0, 1)[None].to(torch.float32) / 255).to(self._kind)

    def _there(self, values: F32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device, self._kind)

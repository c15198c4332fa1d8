"""From a photo's volume and a motion to a picture: everything that runs for each picture, for a batch of photos.

    photo, motion -> keypoints -> lips, lids -> stitching -> W -> G -> levels of 255

It allocates nothing on the host and decides nothing by its values, so that a GPU can record it once and replay it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait.keypoints import HeadMotion, stitched
from avatar.generator.portrait.networks import PortraitNetworks
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.types import F32

PHOTO: Final = (
    ("canonical", 3 * POINTS),
    ("rotation", 9),
    ("expression", 3 * POINTS),
    ("scale", 1),
    ("translation", 3),
    ("lips", 1),
    ("eyes", 2),
)
"""What a photo's numbers are, in their order, and how many each."""
MOTION: Final = (
    ("rotation", 9),
    ("expression", 3 * POINTS),
    ("scale", 1),
    ("translation", 3),
    ("lips", 1),
    ("eyes", 1),
    ("lip_share", 1),
    ("eye_share", 1),
)
"""And a motion's."""
MOTION_NUMBERS: Final = sum(count for _, count in MOTION)


@dataclass(frozen=True, slots=True)
class PortraitSource:
    """A photo, ready to be moved."""

    volume: Tensor
    """(1, 32, 16, 64, 64), on the engine's device."""
    numbers: F32
    """(142,): `PHOTO`."""


def photo_numbers(held: HeadMotion, lip_opening: float, eye_openings: tuple[float, float]) -> F32:
    """Return the numbers of a photo, (142,), of how the head is held there and how far lips and eyes are open."""
    parts = (held.canonical, held.rotation, held.expression, held.scale, held.translation)
    read = [part[0].float().flatten().cpu().numpy() for part in parts]
    return np.concatenate([*read, [lip_opening, *eye_openings]]).astype(np.float32)


def motion_numbers(motion: PortraitMotion) -> F32:
    """Return the numbers of a motion, (80,)."""
    return np.concatenate(
        [
            motion.rotation.T.ravel(),  # ours turns columns, theirs rows
            motion.expression.ravel(),
            [motion.scale, *motion.translation, 0],
            [motion.lip_opening, motion.eye_opening, motion.lip_share, motion.eye_share],
        ]
    ).astype(np.float32)


class PictureNetwork(nn.Module):
    """Volumes (B, 32, 16, 64, 64), photos (B, 142) and motions (B, 80) -> pictures (B, 512, 512, 3) RGB, uint8."""

    def __init__(self, networks: PortraitNetworks) -> None:
        super().__init__()
        self.warping, self.decoder = networks.warping, networks.decoder
        self.stitching, self.lip, self.eye = networks.stitching, networks.lip, networks.eye

    def forward(self, volume: Tensor, photo: Tensor, motion: Tensor) -> tuple[Tensor]:
        source, driven = self.keypoints(photo, motion)
        warped = self.warping(volume, driven, source)
        picture = self.decoder(warped.out)
        levels = (picture.float().clamp(0, 1) * 255).round().to(torch.uint8)
        return (levels.permute(0, 2, 3, 1).contiguous(),)

    def keypoints(self, photo: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keypoints of photos and of their motions, (B, 21, 3) each."""
        held, told = _named(photo, PHOTO), _named(motion, MOTION)
        head = HeadMotion(
            canonical=held["canonical"].unflatten(1, (POINTS, 3)),
            rotation=held["rotation"].unflatten(1, (3, 3)),
            expression=held["expression"].unflatten(1, (POINTS, 3)),
            scale=held["scale"][:, None],
            translation=held["translation"][:, None],
        )
        moved = HeadMotion(
            canonical=head.canonical,
            # (R_ours R_held)^T = R_held^T R_ours^T
            rotation=head.rotation @ told["rotation"].unflatten(1, (3, 3)),
            expression=head.expression + told["expression"].unflatten(1, (POINTS, 3)),
            scale=head.scale * told["scale"][:, None],
            translation=head.translation + told["translation"][:, None],
        )
        source = head.keypoints()
        flat = source.flatten(1)
        lips = self.lip(torch.cat([flat, held["lips"], told["lips"]], dim=1))
        eyes = self.eye(torch.cat([flat, held["eyes"], told["eyes"]], dim=1))
        opened = told["lip_share"] * lips + told["eye_share"] * eyes
        driven = moved.keypoints() + opened.unflatten(1, (POINTS, 3))
        offsets = self.stitching(torch.cat([source, driven], dim=1).flatten(1))
        return source, stitched(driven, offsets)


def _named(numbers: Tensor, layout: tuple[tuple[str, int], ...]) -> dict[str, Tensor]:
    parts = numbers.split([count for _, count in layout], dim=1)
    return {name: part for (name, _), part in zip(layout, parts, strict=True)}

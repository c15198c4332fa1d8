"""LivePortrait's keypoints: how a head's motion moves them (arXiv 2407.03168, sections 3.1 and 3.2).

    x = s (x_c R + exp) + t        x_c: the person's 21 points at rest, seen from the front; t in x and y only

Everything is for a batch of B, in halves of the crop's side: x right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait.motion_extractor import BINS, RawMotion


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """A head's motion, as M reads it from a crop."""

    canonical: Tensor
    """(B, 21, 3), x_c."""
    rotation: Tensor
    """(B, 3, 3), R: turns row vectors."""
    expression: Tensor
    """(B, 21, 3), exp."""
    scale: Tensor
    """(B, 1, 1)."""
    translation: Tensor
    """(B, 1, 3), its z zero."""

    def keypoints(self) -> Tensor:
        """Return x, (B, 21, 3)."""
        return self.scale * (self.canonical @ self.rotation + self.expression) + self.translation


def head_motion(raw: RawMotion) -> HeadMotion:
    """Return the motion that M's answers mean."""
    in_plane = raw.t.new_tensor([1.0, 1.0, 0.0])
    return HeadMotion(
        canonical=raw.kp.unflatten(1, (POINTS, 3)),
        rotation=rotation_matrix(*(degrees(logits) for logits in (raw.pitch, raw.yaw, raw.roll))),
        expression=raw.exp.unflatten(1, (POINTS, 3)),
        scale=raw.scale[:, :, None],
        translation=(raw.t * in_plane)[:, None],
    )


def degrees(logits: Tensor) -> Tensor:
    """Return the angles (B,) that (B, 66) logits expect, in degrees."""
    bins = torch.arange(BINS, device=logits.device, dtype=torch.float32)
    return (logits.float().softmax(dim=1) * bins).sum(dim=1) * 3 - 97.5


def rotation_matrix(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """Return (B, 3, 3) matrices that turn row vectors by angles (B,) in degrees: about x, then y, then z."""
    x, y, z = (angle.deg2rad() for angle in (pitch, yaw, roll))
    none, one = torch.zeros_like(x), torch.ones_like(x)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).unflatten(1, (3, 3))

    about_x = matrix(one, none, none, none, x.cos(), -x.sin(), none, x.sin(), x.cos())
    about_y = matrix(y.cos(), none, y.sin(), none, one, none, -y.sin(), none, y.cos())
    about_z = matrix(z.cos(), -z.sin(), none, z.sin(), z.cos(), none, none, none, one)
    return (about_z @ about_y @ about_x).transpose(1, 2)


def stitched(driven: Tensor, offsets: Tensor) -> Tensor:
    """Return driven keypoints (B, 21, 3), moved by the stitching network's offsets (B, 65): shoulders hold still."""
    points, plane = offsets.split([3 * POINTS, 2], dim=1)
    together = torch.cat([plane, torch.zeros_like(plane[:, :1])], dim=1)[:, None]
    return driven + points.unflatten(1, (POINTS, 3)) + together

"""LivePortrait's keypoints in numpy, for networks that run without torch: as `keypoints` and `drawing` say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avatar.face.implicit_keypoints import POINTS
from avatar.generator.portrait.portrait_motion import PortraitMotion
from avatar.types import F32

Network = Callable[[F32], F32]
"""One of the small networks: (1, N) -> (1, M)."""


@dataclass(frozen=True, slots=True)
class HeldHead:
    """How a head is held in a square, in halves of its side."""

    canonical: F32
    """(21, 3)."""
    rotation: F32
    """(3, 3), turns row vectors."""
    expression: F32
    """(21, 3)."""
    scale: float
    translation: F32
    """(3,), its z zero."""

    def keypoints(self) -> F32:
        """Return x, (21, 3)."""
        return np.asarray(
            self.scale * (self.canonical @ self.rotation + self.expression) + self.translation, np.float32
        )


def held_head(pitch: F32, yaw: F32, roll: F32, t: F32, exp: F32, scale: F32, kp: F32) -> HeldHead:
    """Return the head that the motion extractor's answers mean, each with a batch's axis of 1 in front."""
    return HeldHead(
        canonical=kp.reshape(POINTS, 3),
        rotation=rotation_matrix(*(degrees(logits[0]) for logits in (pitch, yaw, roll))),
        expression=exp.reshape(POINTS, 3),
        scale=float(scale.ravel()[0]),
        translation=t.reshape(3) * np.array([1, 1, 0], np.float32),
    )


def degrees(logits: F32) -> float:
    """Return the angle that (66,) logits expect, in degrees."""
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return float((shares / shares.sum()) @ np.arange(len(logits)) * 3 - 97.5)


def rotation_matrix(pitch: float, yaw: float, roll: float) -> F32:
    """Return the (3, 3) matrix that turns row vectors by angles in degrees: about x, then y, then z."""
    (cx, sx), (cy, sy), (cz, sz) = (
        (np.cos(angle), np.sin(angle)) for angle in np.deg2rad(np.array([pitch, yaw, roll], np.float64))
    )
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).T.astype(np.float32)


def driven_keypoints(
    held: HeldHead,
    lip_opening: float,
    eye_openings: tuple[float, float],
    motion: PortraitMotion,
    *,
    stitching: Network,
    lip: Network,
    eye: Network,
) -> F32:
    """Return the keypoints (21, 3) of a photo's head after a motion, its shoulders held still."""
    source = held.keypoints()
    moved = HeldHead(
        held.canonical,
        held.rotation @ motion.rotation.T,
        held.expression + motion.expression,
        held.scale * motion.scale,
        held.translation + np.array([*motion.translation, 0], np.float32),
    ).keypoints()
    flat = source.reshape(1, -1)
    if motion.lip_share > 0:
        told = np.array([[lip_opening, motion.lip_opening]], np.float32)
        moved = moved + motion.lip_share * lip(np.hstack([flat, told])).reshape(POINTS, 3)
    if motion.eye_share > 0:
        told = np.array([[*eye_openings, motion.eye_opening]], np.float32)
        moved = moved + motion.eye_share * eye(np.hstack([flat, told])).reshape(POINTS, 3)
    offsets = stitching(np.hstack([flat, moved.reshape(1, -1)]).astype(np.float32))[0]
    moved = moved + offsets[: 3 * POINTS].reshape(POINTS, 3)
    moved[:, :2] += offsets[3 * POINTS :]
    return np.asarray(moved, np.float32)

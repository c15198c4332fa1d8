"""Hairs: thin curves that are grown, shaded after Kajiya and Kay, shadow one another, and are drawn far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from avatar.types import F32
from training.head3d.light import Light
from training.head3d.scene import Camera
from training.head3d.shading import unit

_VOXEL_CM = 0.35
_MARCH = 11


@dataclass(frozen=True, eq=False)
class Strands:
    """``points`` (n, k, 3) cm from root to tip, linear ``colour`` (n, 3), and how thick they are at the root."""

    points: F32
    colour: F32
    thickness_cm: float = 0.012
    gloss: float = 1.0

    def __add__(self, other: Strands) -> Strands:
        return Strands(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.colour, other.colour]),
            self.thickness_cm,
            self.gloss,
        )


class HairVolume:
    """How much hair there is from place to place, on a grid: light is dimmed on its way through."""

    def __init__(self, strands: Strands, strength: float) -> None:
        places = strands.points.reshape(-1, 3)
        self._low = places.min(0) - 2.0
        shape = np.ceil((places.max(0) + 2.0 - self._low) / _VOXEL_CM).astype(int) + 1
        cell = ((places - self._low) / _VOXEL_CM).round().astype(int)
        flat = np.ravel_multi_index(tuple(cell.T), tuple(shape))
        length = np.linalg.norm(np.diff(strands.points, axis=1), axis=2).mean(1).repeat(strands.points.shape[1])
        count = np.bincount(flat, length, int(np.prod(shape))).reshape(shape)
        # Length of hair times its thickness in a cell: the share of light it takes across that cell.
        density = count * strands.thickness_cm / _VOXEL_CM**2 * strength
        self._density = gaussian_filter(density.astype(np.float32), 0.7)

    def passes(self, places: F32, towards: F32) -> F32:
        """Share (...,) of light from direction ``towards`` that reaches places (..., k, 3) through the hair."""
        # Shade changes slowly along a hair: every third place is asked, the next two take its answer.
        sparse = places[..., ::3, :]
        flat = sparse.reshape(-1, 3)
        total = np.zeros(len(flat), np.float32)
        for step in range(_MARCH):
            at = (flat + towards * (0.25 + step * 0.45) - self._low) / _VOXEL_CM
            total += map_coordinates(self._density, at.T, order=1, mode="constant", cval=0.0) * np.float32(
                0.45 / _VOXEL_CM
            )
        answer = np.exp(-total).reshape(sparse.shape[:-1]).astype(np.float32)
        return np.repeat(answer, 3, axis=-1)[..., : places.shape[-2]]

    def open_sky(self, places: F32) -> F32:
        """Share (...,) of ambient light that reaches places (..., 3): the mean over a few directions from the front."""
        directions = unit(np.array([[0, 1, 0.3], [0.9, 0.1, 0.5], [-0.9, 0.1, 0.5], [0, 0, 1]], np.float32))
        return np.asarray(np.mean([self.passes(places, towards) for towards in directions], axis=0), np.float32)


def draw(
    linear: F32,
    depth: F32,
    strands: Strands,
    camera: Camera,
    lights: tuple[Light, ...],
    sky: F32,
    *,
    volume: HairVolume | None = None,
    colour: F32 | None = None,
) -> None:
    """Draw strands into the picture ``linear`` (h, w, 3), behind whatever ``depth`` (h, w) holds nearer to the camera.

    ``volume``: the hair that shadows itself; None for sparse hairs. ``colour`` (n, k - 1, 3): their light, where it is
    known from `shade`. A hair finer than a sample is mixed with what lies
    under it.
    """
    middle = np.asarray((strands.points[:, 1:] + strands.points[:, :-1]) / 2, np.float32)
    if colour is None:
        colour = shade(strands, camera, lights, sky, volume)
    screen = camera.project(strands.points)
    start, end = screen[:, :-1].reshape(-1, 3), screen[:, 1:].reshape(-1, 3)
    side = camera.resolution
    column = ((start[:, 0] + end[:, 0]) / 2).astype(int)
    row = ((start[:, 1] + end[:, 1]) / 2).astype(int)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    behind = depth[row.clip(0, side - 1), column.clip(0, side - 1)]
    z = (start[:, 2] + end[:, 2]) / 2
    shown = np.flatnonzero(inside & (z > behind - 0.12))
    order = shown[np.argsort(z[shown], kind="stable")]
    along = np.broadcast_to(np.linspace(0, 1, middle.shape[1]), middle.shape[:2]).ravel()
    width = strands.thickness_cm * camera.scale * (1 - 0.75 * along)
    thickness = np.maximum(np.round(width), 1).astype(int)
    # A hair thinner than the line drawn for it covers only part of it.
    cover = np.minimum(width / thickness, 1.0)
    flat = colour.reshape(-1, 3)
    sixteenth = np.round(np.concatenate([start[:, :2], end[:, :2]], 1) * 16).astype(int)
    places = np.stack([row, column, thickness], 1)[order].tolist()
    ends, drawn, covers = sixteenth[order].tolist(), flat[order].tolist(), cover[order].tolist()
    for (y, x, thick), (x0, y0, x1, y1), own, covered in zip(places, ends, drawn, covers, strict=True):
        under = own if covered >= 0.95 else linear[y, x].tolist()
        mixed = [below + (above - below) * covered for above, below in zip(own, under, strict=True)]
        cv2.line(linear, (x0, y0), (x1, y1), mixed, thick, cv2.LINE_8, 4)


def shade(
    strands: Strands,
    camera: Camera,
    lights: tuple[Light, ...],
    sky: F32,
    volume: HairVolume | None,
) -> F32:
    """Linear colour (n, k - 1, 3). Kajiya and Kay 1989, "Rendering fur with three dimensional textures", with the two
    shifted highlights of Marschner et al. 2003: one white towards the root, one coloured towards the tip."""
    middle = np.asarray((strands.points[:, 1:] + strands.points[:, :-1]) / 2, np.float32)
    tangent = unit(strands.points[:, 1:] - strands.points[:, :-1])
    to_eye = unit(camera.eye - middle)
    colour = strands.colour[:, None]
    open_sky = np.ones(middle.shape[:2], np.float32) if volume is None else volume.open_sky(middle)
    out = colour * sky * (0.25 + 0.95 * open_sky[..., None])
    eye_along = (tangent * to_eye).sum(-1)
    for light in lights:
        towards = unit(np.array(light.direction, np.float32))
        arriving = np.ones(middle.shape[:2], np.float32) if volume is None else volume.passes(middle, towards)
        along = tangent @ towards
        across = np.sqrt(np.maximum(1 - along**2, 0))
        lobes = np.zeros_like(out)
        for shift, sharpness, tint in ((-0.09, 70.0, np.float32(0.12)), (0.13, 16.0, 0.75 * colour + 0.02)):
            angle = np.arcsin(along.clip(-1, 1)) + np.arcsin(eye_along.clip(-1, 1)) + shift
            lobes = lobes + (np.cos(angle).clip(0, 1) ** sharpness)[..., None] * tint
        scattered = colour * (0.55 * across)[..., None]
        # Light from behind shines through the rim of the hair.
        if light.direction[2] < 0:
            scattered = scattered + colour * 0.5
        power = np.array(light.colour, np.float32) * arriving[..., None]
        out = out + power * (scattered + strands.gloss * lobes * across[..., None])
    return np.asarray(out, np.float32)


def vary(colour: F32, count: int, rng: np.random.Generator, amount: float = 0.18) -> F32:
    """(count, 3): a linear colour (3,) made a little lighter, darker, warmer from strand to strand."""
    bright = np.exp(rng.normal(0, amount, (count, 1)))
    warm = np.exp(rng.normal(0, amount / 4, (count, 1)) * np.array([1.0, 0.0, -1.5]))
    return np.asarray(colour * bright * warm, np.float32)

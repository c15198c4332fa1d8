"""Which light reaches a point: visibility along many directions by depth maps, for soft shadows and open sky."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.types import F32
from training.head3d.raster import I32, rasterise

_MAP_SIDE = 384
_BIAS_CM = 0.12
_QUICK_SIDE = 160
_QUICK_BIAS_CM = 0.16


@dataclass(frozen=True)
class Light:
    """A soft distant light: ``direction`` towards it (head axes), linear RGB ``colour``, ``spread`` in radians."""

    direction: tuple[float, float, float]
    colour: tuple[float, float, float]
    spread: float = 0.15

    def rays(self, count: int, rng: np.random.Generator) -> F32:
        """Unit directions (count, 3) over the light's disc."""
        axis = np.array(self.direction, np.float32) / np.linalg.norm(self.direction)
        side = np.cross(axis, [0.0, 1.0, 0.01])
        side /= np.linalg.norm(side)
        up = np.cross(side, axis)
        radius = self.spread * np.sqrt((np.arange(count) + rng.random()) / count)
        turn = np.arange(count) * 2.39996 + rng.random() * 6.283
        rays = axis + radius[:, None] * (np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * up)
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float32)


def sky_rays(count: int) -> F32:
    """Unit directions (count, 3) spread evenly over the sphere (golden spiral)."""
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * 2.39996323
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], 1).astype(np.float32)


def visible(points: F32, normals: F32, vertices: F32, triangles: I32, rays: F32) -> F32:
    """How much of each ray (r, 3) reaches each point (p, 3) past the mesh: (r, p) in 0..1, mixed of four texels."""
    low, high = vertices.min(0), vertices.max(0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    scale = (_MAP_SIDE / 2 - 2) / radius
    out = np.zeros((len(rays), len(points)), np.float32)
    lifted = points + _BIAS_CM * normals
    for index, ray in enumerate(rays):
        side = np.cross(ray, [0.31, 0.9, 0.3])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(side, ray), ray]).astype(np.float32)
        seen = ((vertices - centre) @ frame.T) * [scale, scale, 1] + [_MAP_SIDE / 2, _MAP_SIDE / 2, 0]
        depth = rasterise(seen.astype(np.float32), triangles, _MAP_SIDE, _MAP_SIDE).depth
        at = ((lifted - centre) @ frame.T) * [scale, scale, 1] + [_MAP_SIDE / 2 - 0.5, _MAP_SIDE / 2 - 0.5, 0]
        x, y = np.floor(at[:, 0]).astype(int), np.floor(at[:, 1]).astype(int)
        fx, fy = at[:, 0] - x, at[:, 1] - y
        for dx, dy, weight in (
            (0, 0, (1 - fx) * (1 - fy)),
            (1, 0, fx * (1 - fy)),
            (0, 1, (1 - fx) * fy),
            (1, 1, fx * fy),
        ):
            blocker = depth[(y + dy).clip(0, _MAP_SIDE - 1), (x + dx).clip(0, _MAP_SIDE - 1)]
            out[index] += weight * (at[:, 2] + _BIAS_CM >= blocker)
    return out


def quick_visible(points: F32, normals: F32, blockers: F32, rays: F32) -> F32:
    """As `visible`, coarse and fast: the blockers are points (b, 3), dense enough to close up on a map 160 wide.

    Returns (r, p) in 0..1.
    """
    low, high = blockers.min(0), blockers.max(0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    scale = (_QUICK_SIDE / 2 - 3) / radius
    lifted = points + _QUICK_BIAS_CM * normals
    out = np.empty((len(rays), len(points)), np.float32)
    for index, ray in enumerate(rays):
        side = np.cross(ray, [0.31, 0.9, 0.3])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(side, ray), ray]).astype(np.float32).T
        seen = (blockers - centre) @ frame
        cell = (seen[:, :2] * scale + _QUICK_SIDE / 2).astype(np.intp)
        depth = np.full(_QUICK_SIDE * _QUICK_SIDE, -1e3, np.float32)
        np.maximum.at(depth, cell[:, 1] * _QUICK_SIDE + cell[:, 0], seen[:, 2])
        # Closing fills the gaps between the points without making the head larger.
        closed = cv2.morphologyEx(depth.reshape(_QUICK_SIDE, -1), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        at = (lifted - centre) @ frame
        place = np.asarray(at[:, :2] * scale + (_QUICK_SIDE / 2 - 0.5), np.float32)
        corner = np.floor(place).astype(np.intp)
        part = place - corner
        free = np.zeros(len(points), np.float32)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            column, row = (corner[:, 0] + dx).clip(0, _QUICK_SIDE - 1), (corner[:, 1] + dy).clip(0, _QUICK_SIDE - 1)
            share = (part[:, 0] if dx else 1 - part[:, 0]) * (part[:, 1] if dy else 1 - part[:, 1])
            free += share * (at[:, 2] + _QUICK_BIAS_CM >= closed[row, column])
        out[index] = free
    return out


def ambient_occlusion(vertices: F32, normals: F32, triangles: I32, rays: F32) -> F32:
    """Cosine-weighted share of the sky each vertex sees: (n,) in 0..1."""
    cosine = np.maximum(rays @ normals.T, 0)
    reach = visible(vertices, normals, vertices, triangles, rays)
    return np.asarray((cosine * reach).sum(0) / np.maximum(cosine.sum(0), 1e-6), np.float32)

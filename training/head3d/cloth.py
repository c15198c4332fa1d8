"""Clothes and caps: surfaces of stacked rings round the neck, shoulders or skull, knitted or woven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.light import Light
from training.head3d.scene import Buffers, Camera, Material, Mesh
from training.head3d.shading import (
    fractal_noise,
    lattice_noise,
    srgb_to_linear,
    unit,
    wrapped_diffuse,
)

_FINE = (120, 360)
"""Rows and columns of a portrait's fabric."""

Ring = tuple[float, float, float, float, float]
"""Height at the sides, how far the front dips below it, half-width, half-depth, depth of the centre: all cm."""


@dataclass(frozen=True)
class ClothLook:
    """Colour is sRGB 8-bit. ``collar`` rings run from the neck out, ``collar_rows`` of them are ribbed."""

    kind: Literal["turtleneck", "crew", "beanie"]
    colour: tuple[int, int, int]
    weave: Literal["knit", "jersey"] = "knit"
    gauge_cm: float = 0.42
    """Width of one column of stitches."""


_SHOULDERS: tuple[Ring, ...] = (
    (-14.6, 0.4, 13.2, 8.6, -1.6),
    (-15.9, 0.2, 16.4, 9.4, -1.6),
    (-17.8, 0.0, 18.6, 10.2, -1.6),
    (-20.5, 0.0, 19.8, 10.9, -1.6),
    (-26.0, 0.0, 20.6, 11.6, -1.6),
)

_COLLARS: dict[str, tuple[Ring, ...]] = {
    "turtleneck": (
        (-9.6, 0.8, 5.5, 5.3, -0.5), (-8.9, 0.8, 5.75, 5.55, -0.5), (-8.75, 0.8, 6.1, 5.9, -0.5),
        (-9.1, 0.8, 6.45, 6.25, -0.5), (-10.3, 0.9, 6.65, 6.45, -0.5), (-11.6, 1.0, 6.9, 6.6, -0.6),
        (-12.4, 1.0, 7.5, 6.9, -0.8), (-13.1, 0.8, 9.2, 7.4, -1.1),
    ),
    "crew": (
        (-12.2, 1.7, 6.5, 5.5, -0.8), (-11.2, 1.8, 6.75, 5.75, -0.8), (-11.05, 1.8, 7.05, 6.05, -0.8),
        (-11.4, 1.8, 7.6, 6.5, -0.9), (-12.1, 1.7, 8.5, 7.1, -1.0), (-12.7, 1.5, 9.6, 7.6, -1.2),
    ),
}  # fmt: skip


def neck_scale(rest: F32, vertices: F32) -> float:
    """How wide this person's neck is beside the mean head's."""
    at_neck = (np.abs(rest[:, 1] + 9.3) < 0.8) & (np.abs(rest[:, 0]) > 3.0)
    return float(np.abs(vertices[at_neck, 0]).mean() / np.abs(rest[at_neck, 0]).mean())


def garment(look: ClothLook, scale: float, seed: int, grid: tuple[int, int] = _FINE) -> Mesh:
    """A jumper from its collar to below the picture, for a neck ``scale`` times as wide as the mean one.

    ``grid``: rows and columns of its mesh.
    """
    collar = _COLLARS[look.kind]
    rings = np.array([*collar, *_SHOULDERS])
    share = np.linspace(1, 0, len(rings))[:, None] ** 0.5
    rings[:, 2:4] *= 1 + (scale - 1) * share
    return _surface(rings, seed, folds_cm=0.16, tilt=0.0, grid=grid)


def beanie(vertices: F32, rest: F32, seed: int, grid: tuple[int, int] = _FINE) -> Mesh:
    """A knitted cap with a folded brim, from the brow and the tops of the ears to the crown."""
    skull = np.abs(rest[:, 0]) < 7.4
    heights = np.array([4.7, 5.7, 7.4, 9.6, 11.8, 13.4])
    rings: list[Ring] = []
    for height in heights:
        near = skull & (np.abs(rest[:, 1] - height) < 0.8)
        y = float(vertices[near, 1].mean())
        front, back = float(vertices[near, 2].max()), float(vertices[near, 2].min())
        rings.append((y, 0.0, float(np.abs(vertices[near, 0]).max()), (front - back) / 2, (front + back) / 2))
    brim, top = np.array(rings[:3]), np.array(rings[2:])
    crown = float(vertices[skull, 1].max())
    grown = [
        (*brim[0, :2] + [0.1, 0], brim[0, 2] + 0.15, brim[0, 3] + 0.15, brim[0, 4]),
        (*brim[0, :2] - [0.25, 0], brim[0, 2] + 0.55, brim[0, 3] + 0.55, brim[0, 4]),
        (*brim[0, :2] + [0.3, 0], brim[0, 2] + 0.95, brim[0, 3] + 0.95, brim[0, 4]),
        (*brim[1, :2], brim[1, 2] + 1.05, brim[1, 3] + 1.05, brim[1, 4]),
        (*brim[2, :2] + [0.9, 0], brim[2, 2] + 1.05, brim[2, 3] + 1.05, brim[2, 4]),
        (*brim[2, :2] + [1.25, 0], brim[2, 2] + 0.75, brim[2, 3] + 0.75, brim[2, 4]),
        (*top[1, :2] + [0.4, 0], top[1, 2] + 0.85, top[1, 3] + 0.85, top[1, 4]),
        (*top[2, :2] + [0.6, 0], top[2, 2] + 1.0, top[2, 3] + 1.0, top[2, 4]),
        (*top[3, :2] + [0.9, 0], top[3, 2] + 1.1, top[3, 3] + 1.1, top[3, 4] - 0.4),
        (crown + 1.5, 0.0, 3.0, 3.2, top[3, 4] - 0.8),
        (crown + 1.75, 0.0, 0.3, 0.3, top[3, 4] - 1.0),
    ]
    mesh = _surface(np.array(grown), seed, folds_cm=0.14, tilt=0.20, grid=grid)
    return Mesh(
        mesh.vertices, mesh.normals, mesh.texture, mesh.triangles, np.full_like(mesh.material, int(Material.WRAP))
    )


def _surface(rings: NDArray[np.float64], seed: int, *, folds_cm: float, tilt: float, grid: tuple[int, int]) -> Mesh:
    """A closed band through the rings; ``tilt`` cm per cm lifts its front over its back."""
    rows, columns = grid
    steps = np.linalg.norm(np.diff(rings[:, [0, 2]], axis=0), axis=1)
    t = np.concatenate([[0], np.cumsum(np.maximum(steps, 0.05))])
    along = np.linspace(0, t[-1], rows)
    y, dip, a, b, zc = PchipInterpolator(t, rings)(along).T[:, :, None]
    turn = np.linspace(-np.pi, np.pi, columns, endpoint=False)[None]
    front = np.cos(turn)
    points = np.stack(
        [
            a * np.sin(turn) * np.ones_like(y),
            y - dip * np.maximum(front, 0) ** 1.4 + 0.35 * dip * np.maximum(-front, 0) + tilt * b * front,
            zc + b * front,
        ],
        -1,
    ).reshape(-1, 3)
    around = np.broadcast_to(turn * a.mean(), (rows, columns))
    texture = np.stack([around, np.broadcast_to(along[:, None], around.shape), np.zeros_like(around)], -1).reshape(
        -1, 3
    )
    row, column = np.divmod(np.arange((rows - 1) * columns), columns)
    after = (column + 1) % columns
    p, q = row * columns + column, row * columns + after
    triangles = np.concatenate([np.stack([p, p + columns, q], 1), np.stack([q, p + columns, q + columns], 1)]).astype(
        np.int32
    )
    mesh = Mesh.of(points.astype(np.float32), texture.astype(np.float32), triangles, Material.CLOTH)
    if (mesh.normals * (mesh.vertices - mesh.vertices.mean(0))).sum() < 0:
        triangles = triangles[:, ::-1]
        mesh = Mesh.of(mesh.vertices, mesh.texture, triangles, Material.CLOTH)
    # Cloth hangs in soft folds that run down from the shoulders; none at the collar, which is stretched.
    loose = smooth_step(mesh.texture[:, 1], 2.5, 8.0)
    folds = fractal_noise(mesh.vertices * np.array([0.30, 0.16, 0.30], np.float32), seed, 3)
    moved = mesh.vertices + (folds_cm * (0.25 + loose) * folds)[:, None] * mesh.normals
    return Mesh.of(moved.astype(np.float32), mesh.texture, triangles, Material.CLOTH)


def shade(
    buffers: Buffers, camera: Camera, lights: tuple[Light, ...], sky: F32, look: ClothLook, material: Material
) -> F32:
    """Linear light (q, 3) that fabric pixels of a material send to the camera."""
    pixels, rows = buffers.of(material)
    texture, to_eye = buffers.texture[rows], buffers.to_eye[rows]
    height = _stitches(texture, look)
    plane = np.zeros(pixels.shape, np.float32)
    plane[pixels] = height * 0.07
    slope_x = (cv2.Scharr(plane, cv2.CV_32F, 1, 0)[pixels] / 32 * camera.scale).clip(-0.9, 0.9)
    slope_y = (cv2.Scharr(plane, cv2.CV_32F, 0, 1)[pixels] / 32 * camera.scale).clip(-0.9, 0.9)
    normal = unit(buffers.normal[rows] - np.stack([slope_x, -slope_y, np.zeros_like(slope_x)], 1))
    colour = srgb_to_linear(look.colour) * np.exp(0.07 * fractal_noise(buffers.position[rows] * 2.5, 90, 4))[:, None]
    fuzz = lattice_noise(buffers.position[rows] * 9.0, 95)
    colour = colour * (1 + 0.08 * fuzz)[:, None] * (0.45 + 0.62 * height)[:, None]
    open_sky = buffers.sky[rows]
    arriving = (0.35 + 0.65 * open_sky)[:, None] * open_sky[:, None] * sky
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        cosine = wrapped_diffuse(normal, towards, 0.2) * buffers.lit[rows, index]
        arriving = arriving + cosine[:, None] * np.array(light.colour, np.float32)
    # Loose fibres at the rim catch light.
    grazing = (1 - np.maximum((buffers.normal[rows] * to_eye).sum(1), 0)) ** 3
    return np.asarray(arriving * (colour * (1 + 0.9 * grazing)[:, None] + 0.02 * grazing[:, None]), np.float32)


def _stitches(texture: F32, look: ClothLook) -> F32:
    """Height 0..1 of the fabric at texture places (q, 3): ribs at the collar and on caps, else V stitches or jersey."""
    around, along = texture[:, 0], texture[:, 1]
    if look.weave == "jersey":
        fine = 0.5 + 0.5 * np.cos(2 * np.pi * around / 0.16) * np.cos(2 * np.pi * along / 0.16)
        plain = 0.85 + 0.15 * fine
    else:
        column = around / look.gauge_cm
        across = np.abs(column % 1 - 0.5) * 2
        row = along / (look.gauge_cm * 0.8) + 0.55 * across
        loop = np.abs(np.cos(np.pi * row)) ** 0.7
        plain = (1 - 0.75 * across**3) * (0.45 + 0.55 * loop)
    ribbed = 4.3 if look.kind == "turtleneck" else 1.9 if look.kind == "crew" else 1e9
    ribs = 0.5 + 0.5 * np.cos(2 * np.pi * around / (0.55 if look.kind != "beanie" else 0.8))
    rib_loops = np.abs(np.cos(np.pi * along / 0.32 + 1.2 * ribs)) ** 0.5
    rib = ribs**0.6 * (0.75 + 0.25 * rib_loops)
    share = smooth_step(along - ribbed, 0.1, -0.1)
    return np.asarray(plain + (rib - plain) * share, np.float32)

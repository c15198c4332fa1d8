"""What stands before the camera: one mesh of several materials, the camera, and the buffers a shader starts from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from avatar.types import F32
from training.head3d.light import Light, sky_rays, visible
from training.head3d.model import vertex_normals
from training.head3d.raster import I32, Fragments, rasterise
from training.head3d.shading import unit


class Material(IntEnum):
    """What a triangle is made of."""

    SKIN = 0
    EYE = 1
    CLOTH = 2
    WRAP = 3
    CAVITY = 4
    MOUTH = 5
    FRAME = 6


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with, at each vertex: position (n, 3) cm, unit normal (n, 3), and a texture place (n, 3).

    The texture place is, for skin and eyes, the position on the mean head; for fabric (around, along, 0) in cm.
    """

    vertices: F32
    normals: F32
    texture: F32
    triangles: I32
    material: NDArray[np.int8]

    @staticmethod
    def of(vertices: F32, texture: F32, triangles: I32, material: Material) -> Mesh:
        """A mesh of one material, with smooth normals."""
        kind = np.full(len(triangles), int(material), np.int8)
        return Mesh(vertices, vertex_normals(vertices, triangles), texture, triangles, kind)

    def __add__(self, other: Mesh) -> Mesh:
        return Mesh(
            np.concatenate([self.vertices, other.vertices]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.texture, other.texture]),
            np.concatenate([self.triangles, other.triangles + np.int32(len(self.vertices))]),
            np.concatenate([self.material, other.material]),
        )


@dataclass(frozen=True)
class Camera:
    """A portrait camera at the height of the eyes, its lens shifted down to frame the bust.

    The point ``centre`` (x, y) is in the middle of the picture, the scale is ``px_per_cm`` (for 1024 px) at depth
    ``focus_z``; pictures are ``side`` x ``samples`` px square.
    """

    side: int
    samples: int
    centre: tuple[float, float] = (0.0, -2.0)
    px_per_cm: float = 27.0
    focus_z: float = 9.0
    eye_height: float = 3.6
    distance: float = 120.0

    @property
    def resolution(self) -> int:
        """Side of the supersampled picture."""
        return self.side * self.samples

    @property
    def scale(self) -> float:
        """Supersampled pixels per cm at the focus."""
        return self.px_per_cm * self.side / 1024 * self.samples

    @property
    def eye(self) -> F32:
        """(3,) cm, where the camera stands."""
        return np.array([self.centre[0], self.eye_height, self.focus_z + self.distance], np.float32)

    def project(self, points: F32) -> F32:
        """Points (..., 3) cm -> supersampled pixels x right, y down, and z in cm towards us."""
        shrink = self.scale * self.distance / (self.distance + self.focus_z - points[..., 2])
        x = self.resolution / 2 + (points[..., 0] - self.centre[0]) * shrink
        lens_shift = (self.eye_height - self.centre[1]) * self.scale
        y = self.resolution / 2 - lens_shift - (points[..., 1] - self.eye_height) * shrink
        return np.stack([x, y, points[..., 2]], -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Buffers:
    """Per seen pixel (p of them, in raster order): what a material's shader needs."""

    fragments: Fragments
    material: NDArray[np.int8]
    """(h, w), -1 where nothing is seen."""
    position: F32
    normal: F32
    texture: F32
    to_eye: F32
    lit: F32
    """(p, lights) share of each light that arrives, 0..1."""
    sky: F32
    """(p,) share of the sky that is seen, 0..1."""

    def of(self, material: Material) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """((h, w) mask of the pixels, (p,) mask of the rows) of one material."""
        pixels = self.material == int(material)
        return pixels, pixels[self.fragments.covered]


def light_vertices(mesh: Mesh, blockers: Mesh, lights: tuple[Light, ...], seed: int) -> F32:
    """(n, lights + 1): share of each light, then of the sky, that reaches each vertex past the blockers."""
    rng = np.random.default_rng(seed)
    shares = [
        visible(mesh.vertices, mesh.normals, blockers.vertices, blockers.triangles, light.rays(14, rng)).mean(0)
        for light in lights
    ]
    # The room behind the person gives little light; leaving it out also spares rays.
    rays = sky_rays(64)
    rays = rays[rays[:, 2] > -0.45]
    cosine = np.maximum(rays @ mesh.normals.T, 0)
    reach = visible(mesh.vertices, mesh.normals, blockers.vertices, blockers.triangles, rays)
    shares.append((cosine * reach).sum(0) / np.maximum(cosine.sum(0), 1e-6))
    return softened(np.stack(shares, 1).astype(np.float32), mesh.triangles)


def softened(values: F32, triangles: I32) -> F32:
    """Values (n, c) at vertices, each mixed with its neighbours' twice: shadow edges lose the mesh's sawteeth."""
    corners = triangles.ravel()
    uses = np.maximum(np.bincount(corners, minlength=len(values)), 1)
    for _ in range(2):
        mean = np.repeat(values[triangles].mean(1), 3, axis=0)
        values = np.stack(
            [np.bincount(corners, mean[:, c], len(values)) / uses for c in range(values.shape[1])], axis=1
        ).astype(np.float32)
    return values


def photograph(mesh: Mesh, light: F32, camera: Camera) -> Buffers:
    """Rasterise the mesh through the camera. ``light``: from `light_vertices`."""
    pixels = camera.resolution
    return expose(mesh, light, camera, rasterise(camera.project(mesh.vertices), mesh.triangles, pixels, pixels))


def expose(mesh: Mesh, light: F32, camera: Camera, fragments: Fragments) -> Buffers:
    """The buffers of a mesh whose ``fragments`` are known. ``light``: from `light_vertices`."""
    seen = fragments.covered
    material = np.full(seen.shape, -1, np.int8)
    material[seen] = mesh.material[fragments.triangle[seen]]
    corners = mesh.triangles[fragments.triangle[seen]]
    weights = fragments.bary[seen]

    def pick(values: F32) -> F32:
        return np.asarray(np.einsum("pk,pkc->pc", weights, values[corners]), np.float32)

    position = pick(mesh.vertices)
    arriving = pick(light)
    return Buffers(
        fragments=fragments,
        material=material,
        position=position,
        normal=unit(pick(mesh.normals)),
        texture=pick(mesh.texture),
        to_eye=unit(camera.eye - position),
        lit=arriving[:, :-1],
        sky=arriving[:, -1],
    )

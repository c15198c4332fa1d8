"""Spectacles: two rims joined by a bridge over the nose, and arms to the ears, rigid with the skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.types import F32
from training.head3d.eyes import eye_centres
from training.head3d.light import Light
from training.head3d.model import HeadModel, Part
from training.head3d.raster import I32
from training.head3d.scene import Buffers, Material, Mesh
from training.head3d.shading import ggx, srgb_to_linear, unit, wrapped_diffuse

_AROUND: Final = 48
"""Points of a rim."""
_SIDES: Final = 8
"""Of a wire's cross-section."""
_BEFORE_EYES: Final = 0.30
"""How far before the middle of the eyeballs the rims stand at least, in distances between the eyes."""
_ROUGHNESS: Final = 0.35
_F0: Final = 0.06


@dataclass(frozen=True)
class GlassesLook:
    """``colour`` is sRGB 8-bit; lengths are shares of the distance between the eyes (62 mm in most people)."""

    colour: tuple[int, int, int]
    half_width: float = 0.40
    half_height: float = 0.30
    squareness: float = 3.0
    """Exponent of the rim's superellipse: 2 is round, 4 nearly a rectangle."""
    wire: float = 0.03
    """Radius of what the rims are made of: thin metal 0.012, thick plastic 0.05."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Spectacles on one head."""

    mesh: Mesh
    rims: F32
    """(2, 48, 3) cm: the middle lines of the rims, the subject's left one first."""


def spectacles(look: GlassesLook, head: HeadModel, vertices: F32) -> Frame:
    """Put glasses on a head with ``vertices`` (n, 3) cm, as it looks ahead."""
    eyes = eye_centres(head, vertices)
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    middle = eyes.mean(0)
    skin = vertices[: Part.HEAD.value[1]]
    near_bridge = (np.abs(skin[:, 0] - middle[0]) < 0.1 * apart) & (np.abs(skin[:, 1] - middle[1]) < 0.12 * apart)
    depth = max(middle[2] + _BEFORE_EYES * apart, float(skin[near_bridge, 2].max()))
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    power = 2 / look.squareness
    across = look.half_width * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    up = look.half_height * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
    rims = np.stack([
        np.stack([eye[0] + apart * across, eye[1] + apart * (up - 0.04), np.full(_AROUND, depth)], 1) for eye in eyes
    ])  # fmt: skip
    parts = [_tube(rim, look.wire * apart, closed=True) for rim in rims]
    height = middle[1] + 0.06 * apart
    inner = [float(rims[0, :, 0].min()), float(rims[1, :, 0].max())]
    bow = np.linspace(0, 1, 9)
    bridge = np.stack([
        inner[0] + (inner[1] - inner[0]) * bow,
        height + 0.05 * apart * np.sin(np.pi * bow),
        depth + 0.02 * apart * np.sin(np.pi * bow),
    ], 1)  # fmt: skip
    parts.append(_tube(bridge, look.wire * apart, closed=False))
    for rim, side in zip(rims, (1, -1), strict=True):
        hinge = np.array([side * np.abs(rim[:, 0] - middle[0]).max() + middle[0], height + 0.04 * apart, depth])
        behind = middle[2] - 0.35 * apart - skin[:, 2]
        temple = (np.abs(skin[:, 1] - hinge[1]) < 0.1 * apart) & (np.abs(behind) < 0.1 * apart)
        beside = float(np.abs(skin[temple, 0] - middle[0]).max()) + 0.03 * apart
        wide = middle[0] + side * max(beside, abs(hinge[0] - middle[0]))
        corner = np.array([hinge[0], hinge[1], depth - 0.08 * apart])
        ear = np.array([wide, height, middle[2] - 0.9 * apart])
        parts.append(_tube(np.stack([hinge, corner, ear]), 0.8 * look.wire * apart, closed=False))
    mesh = parts[0]
    for part in parts[1:]:
        mesh = mesh + part
    return Frame(mesh, rims.astype(np.float32))


def _tube(line: np.ndarray, radius: float, *, closed: bool) -> Mesh:
    """A wire of a radius along a line (n, 3), its ends open."""
    along = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    along = unit(along.astype(np.float32))
    first = unit(
        np.cross(along, np.where(np.abs(along[:, 1:2]) < 0.9, [[0.0, 1, 0]], [[1.0, 0, 0]])).astype(np.float32)
    )
    second = np.cross(along, first)
    turn = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)[None, :, None]
    normals = np.cos(turn) * first[:, None] + np.sin(turn) * second[:, None]
    points = (line[:, None] + radius * normals).reshape(-1, 3).astype(np.float32)
    rows = np.arange(len(line) if closed else len(line) - 1)
    p = (rows[:, None] * _SIDES + np.arange(_SIDES)).ravel()
    q = (rows[:, None] * _SIDES + (np.arange(_SIDES) + 1) % _SIDES).ravel()
    after = len(points)
    triangles: I32 = np.concatenate([
        np.stack([p, (p + _SIDES) % after, q], 1), np.stack([q, (p + _SIDES) % after, (q + _SIDES) % after], 1)
    ]).astype(np.int32)  # fmt: skip
    material = np.full(len(triangles), int(Material.FRAME), np.int8)
    return Mesh(points, normals.reshape(-1, 3).astype(np.float32), points.copy(), triangles, material)


def shade(buffers: Buffers, lights: tuple[Light, ...], sky: F32, look: GlassesLook) -> F32:
    """Linear light (q, 3) that the frame's pixels send to the camera: smooth plastic or lacquered metal."""
    _, rows = buffers.of(Material.FRAME)
    normal, to_eye = buffers.normal[rows], buffers.to_eye[rows]
    out = srgb_to_linear(look.colour) * (buffers.sky[rows, None] * sky)
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        lit = buffers.lit[rows, index, None] * np.array(light.colour, np.float32)
        glint = ggx(normal, towards, to_eye, _ROUGHNESS, _F0)
        out = out + lit * (
            srgb_to_linear(look.colour) * wrapped_diffuse(normal, towards, 0.1)[:, None] + glint[:, None]
        )
    return np.asarray(out, np.float32)

"""Eyebrows, eyelashes and stubble: short hairs rooted on the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.model import HeadModel, Part
from training.head3d.raster import I32
from training.head3d.shading import srgb_to_linear, unit
from training.head3d.skin import stubble_share
from training.head3d.strands import Strands, vary


@dataclass(frozen=True)
class BrowLook:
    """Colour is sRGB 8-bit. ``height_cm`` and ``arch_cm`` move the brow and its bend up, ``thickness`` scales it."""

    colour: tuple[int, int, int]
    hairs: int = 420
    thickness: float = 1.0
    height_cm: float = 0.0
    arch_cm: float = 0.0
    length_cm: float = 0.75
    lash_length: float = 1.0
    lash_colour: tuple[int, int, int] = (24, 18, 16)


@dataclass(frozen=True, eq=False)
class Roots:
    """Where hairs start: ``place`` (n, 3) on this person, ``normal`` (n, 3), ``rest`` (n, 3) on the mean head."""

    place: F32
    normal: F32
    rest: F32


def scatter_roots(
    head: HeadModel, vertices: F32, normals: F32, weight: F32, count: int, rng: np.random.Generator
) -> Roots:
    """``count`` roots spread over face and head in proportion to area times ``weight`` (n,) at vertices."""
    triangles: I32 = head.triangles[head.select(Part.FACE, Part.HEAD)]
    corners = head.vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = area * weight[triangles].mean(1)
    chosen = triangles[rng.choice(len(triangles), count, p=share / share.sum())]
    a, b = rng.random((2, count, 1))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    bary = np.stack([1 - a - b, a, b], 1)

    def at(values: F32) -> F32:
        return np.asarray((values[chosen] * bary).sum(1), np.float32)

    return Roots(at(vertices), unit(at(normals)), at(head.vertices))


def eyebrows(head: HeadModel, vertices: F32, normals: F32, look: BrowLook, rng: np.random.Generator) -> Strands:
    """Both brows: hairs stand up near the nose, lean over to the temple, and thin out at both ends."""
    across = np.array([1.0, 2.4, 3.9, 5.1, 6.1])
    line = (
        np.array([4.95, 5.25, 5.65, 5.5, 4.95]) + look.height_cm + look.arch_cm * np.array([-0.1, 0.1, 1.0, 0.8, -0.2])
    )
    half = np.array([0.24, 0.40, 0.33, 0.22, 0.05]) * look.thickness
    middle, thick = PchipInterpolator(across, line), PchipInterpolator(across, half)
    x = np.abs(head.vertices[:, 0])
    inside = x.clip(across[0], across[-1])
    # A generous band over the mesh; the exact shape is cut from the roots below.
    near = (np.abs(head.vertices[:, 1] - middle(inside)) < 1.2) & (x > 0.6) & (x < 6.5) & (head.vertices[:, 2] > 5)
    roots = scatter_roots(head, vertices, normals, near.astype(np.float32), look.hairs * 22, rng)
    place = np.abs(roots.rest[:, 0])
    t = ((place - across[0]) / (across[-1] - across[0])).clip(0, 1)
    offset = (roots.rest[:, 1] - middle(place.clip(across[0], across[-1]))) / thick(place.clip(across[0], across[-1]))
    likely = (
        smooth_step(1.25 - np.abs(offset), 0.0, 0.5) * smooth_step(place, 0.85, 1.5) * smooth_step(6.2 - place, 0, 0.4)
    )
    kept = np.flatnonzero(rng.random(len(place)) < likely)[: look.hairs * 2]
    t, offset = t[kept], offset[kept]
    side = np.sign(roots.rest[kept, 0])
    # Angle from straight up: upright at the inner end, level along the tail; hairs converge on the middle line.
    angle = np.radians(12 + 85 * t**0.55 + 28 * offset.clip(-1, 1) + rng.normal(0, 9, len(t)))
    direction = np.stack([side * np.sin(angle), np.cos(angle), np.full_like(angle, 0.0)], 1)
    normal = roots.normal[kept]
    direction = unit((direction - (direction * normal).sum(1, keepdims=True) * normal).astype(np.float32))
    length = look.length_cm * rng.uniform(0.6, 1.1, len(t)) * (0.75 + 0.45 * np.sin(np.pi * t.clip(0, 1)))
    s = np.linspace(0, 1, 7, dtype=np.float32)[None, :, None]
    bend = unit(
        direction
        + np.array([0, -0.55, 0], np.float32) * t[:, None]
        + side[:, None] * np.array([0.35, 0, 0], np.float32)
    )
    path = direction[:, None] * s + (bend - direction)[:, None] * s**2 * 0.5
    lift = normal[:, None] * (0.10 * np.sin(np.pi * s.clip(0, 0.8)) + 0.02)
    points = roots.place[kept][:, None] + length[:, None, None] * (path + lift)
    return Strands(points.astype(np.float32), vary(srgb_to_linear(look.colour), len(t), rng), 0.016, 0.15)


def eyelashes(head: HeadModel, vertices: F32, look: BrowLook, rng: np.random.Generator) -> Strands:
    """Upper and lower lashes, along the lash cards the head model carries."""
    parts = []
    for index, piece in enumerate(head.pieces(Part.LASHES)):
        upper = index % 6 < 3
        count = 52 if upper else 13
        start, end = _card_edges(head, piece)
        order = np.sort(rng.random(count)) * (len(start) - 1)
        low, part = order.astype(int).clip(0, len(start) - 2), (order % 1)[:, None]
        root = vertices[start[low]] * (1 - part) + vertices[start[low + 1]] * part
        tip = vertices[end[low]] * (1 - part) + vertices[end[low + 1]] * part
        reach = look.lash_length * (0.92 if upper else 0.36) * rng.uniform(0.7, 1.05, (count, 1))
        tip = root + (tip - root) * reach + rng.normal(0, 0.03, root.shape)
        curl = np.array([0, 0.16 if upper else -0.08, 0.05]) * np.linalg.norm(tip - root, axis=1, keepdims=True)
        s = np.linspace(0, 1, 8)[None, :, None]
        points = root[:, None] * (1 - s) + tip[:, None] * s + curl[:, None] * (s**2 - s)
        parts.append(points.astype(np.float32))
    points = np.concatenate(parts)
    return Strands(points, vary(srgb_to_linear(look.lash_colour), len(points), rng), 0.019, 0.1)


def _card_edges(head: HeadModel, piece: I32) -> tuple[I32, I32]:
    """Root and tip vertices (m,) of a lash card, paired along the lid by texture coordinate."""
    mine = np.isin(head.triangles, piece).all(1)
    uv = np.zeros((len(head.vertices), 2), np.float32)
    uv[head.triangles[mine]] = head.uv[head.uv_triangles[mine]]
    columns = np.round(uv[piece, 0], 2)
    roots, tips = [], []
    lid = head.vertices[piece].mean(0)
    for column in np.unique(columns):
        members = piece[columns == column]
        members = members[np.argsort(uv[members, 1])]
        first, last = members[0], members[-1]
        # Roots lie on the lid, behind the tips.
        if head.vertices[first, 2] > head.vertices[last, 2]:
            first, last = last, first
        if np.abs(head.vertices[first] - lid).max() < 3 and first != last:
            roots.append(first)
            tips.append(last)
    return np.array(roots, np.int32), np.array(tips, np.int32)


def stubble(
    head: HeadModel, vertices: F32, normals: F32, colour: tuple[int, int, int], length_cm: float, count: int,
    rng: np.random.Generator,
) -> Strands:  # fmt: skip
    """Beard hairs of a few days, lying downwards."""
    weight = stubble_share(head.vertices)
    roots = scatter_roots(head, vertices, normals, weight, count, rng)
    kept = rng.random(count) < stubble_share(roots.rest) ** 0.6
    place, normal = roots.place[kept], roots.normal[kept]
    down = np.array([0, -1.0, 0.1], np.float32) + rng.normal(0, 0.35, place.shape)
    direction = unit((down - 0.75 * (down * normal).sum(1, keepdims=True) * normal + 0.35 * normal).astype(np.float32))
    s = np.linspace(0, 1, 4)[None, :, None]
    length = length_cm * rng.uniform(0.5, 1.2, (len(place), 1, 1))
    points = place[:, None] + direction[:, None] * s * length - normal[:, None] * s**2 * 0.2 * length
    return Strands(points.astype(np.float32), vary(srgb_to_linear(colour), len(place), rng, 0.25), 0.011, 0.03)

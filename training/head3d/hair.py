"""Hair on the head: where it grows, and styles that comb it, each a field of directions the strands follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.brows import Roots, scatter_roots
from training.head3d.model import HeadModel, Part
from training.head3d.shading import lattice_noise, srgb_to_linear, unit
from training.head3d.strands import Strands, vary

Style = Literal["bob", "top_knot", "afro"]
_Field = Callable[[F32, F32, F32], F32]
"""(places (n, 3), directions (n, 3), surface normals (n, 3)) -> where the strands want to go (n, 3)."""


@dataclass(frozen=True)
class HairLook:
    """Colour is sRGB 8-bit; ``hairline_cm`` lifts the hairline, the parting runs ``part_cm`` to the subject's left."""

    style: Style
    colour: tuple[int, int, int]
    count: int = 48000
    length_cm: float = 24.0
    hairline_cm: float = 0.0
    part_cm: float = 1.5
    volume_cm: float = 0.6
    gloss: float = 1.0
    fringe: bool = False
    """Whether the front falls over the forehead (bob only)."""


def scalp_share(rest: F32, hairline_cm: float = 0.0, softness_cm: float = 0.7) -> F32:
    """(n,) 0..1, how much places (n, 3) on the mean head are scalp."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    turn = np.arctan2(x, z - 1.0)
    # Hairline height against the angle from straight ahead: brow, corner, temple, sideburn, behind the ear, nape.
    line = PchipInterpolator(
        [0.0, 0.35, 0.62, 0.85, 1.02, 1.18, 1.36, 1.55, 1.9, 2.4, 3.15],
        [9.4, 9.5, 9.3, 8.1, 6.0, 4.6, 2.6, 3.6, 1.0, -4.5, -5.5],
    )
    height = line(turn) + 0.16 * lattice_noise(rest * 1.3, 7) + hairline_cm * smooth_step(1.4 - turn, 0.0, 0.6)
    # Ears stand out of the skull; no hair grows on them.
    on_ear = (x > 7.9) & (y < 4.6) & (y > -4.5) & (z > -3.5) & (z < 4.5)
    return np.asarray(smooth_step(y - height, -softness_cm, softness_cm) * ~on_ear, np.float32)


class _Skull:
    """Distance from the head's skin, by the nearest vertices and their normals; ears left out, so hair covers them."""

    def __init__(self, head: HeadModel, vertices: F32, normals: F32) -> None:
        chosen = np.zeros(len(vertices), bool)
        for part in (Part.FACE, Part.HEAD):
            chosen[slice(*part.value)] = True
        x, y, z = head.vertices.T
        chosen &= ~((np.abs(x) > 7.5) & (y < 5.2) & (y > -4.5) & (z > -4.0) & (z < 4.5))
        chosen &= np.linalg.norm(normals, axis=1) > 0.5
        self._place, self._normal = vertices[chosen], normals[chosen]
        self._tree = cKDTree(self._place)

    def distance(self, places: F32) -> tuple[F32, F32]:
        """(signed distance (n,) cm, outward normal (n, 3))."""
        _, index = self._tree.query(places, k=20)
        normal = unit(self._normal[index].mean(1))
        height = ((places[:, None] - self._place[index]) * self._normal[index]).sum(2).mean(1)
        return height.astype(np.float32), normal


def grow(head: HeadModel, vertices: F32, normals: F32, look: HairLook, rng: np.random.Generator) -> Strands:
    """All the hair of a style."""
    if look.style == "afro":
        return _coils(head, vertices, normals, look, rng)
    roots = scatter_roots(head, vertices, normals, scalp_share(head.vertices, look.hairline_cm), look.count, rng)
    kept = rng.random(look.count) < scalp_share(roots.rest, look.hairline_cm)
    if look.style == "top_knot":
        # The shortest hairs at the ears are pinned away.
        kept &= roots.rest[:, 1] > 2.4
    roots = Roots(roots.place[kept], roots.normal[kept], roots.rest[kept])
    skull = _Skull(head, vertices, normals)
    guides = rng.choice(len(roots.place), min(2600, len(roots.place)), replace=False)
    guide_roots = Roots(roots.place[guides], roots.normal[guides], roots.rest[guides])
    if look.style == "top_knot":
        points = _comb(skull, guide_roots, look, rng, steps=26, step_cm=0.75, field=_knot_field(vertices))
        return _follow(points, guide_roots, roots, look, rng) + _knot(vertices, look, rng)
    points = _comb(
        skull,
        guide_roots,
        look,
        rng,
        steps=30,
        step_cm=_bob_steps(guide_roots, look),
        field=_bob_field(guide_roots, look),
    )
    return _follow(points, guide_roots, roots, look, rng)


def _comb(
    skull: _Skull,
    roots: Roots,
    look: HairLook,
    rng: np.random.Generator,
    *,
    steps: int,
    step_cm: F32 | float,
    field: _Field,
) -> F32:
    """Guide strands (n, steps + 1, 3) that follow a field and stay outside the head."""
    count = len(roots.place)
    rise = rng.random(count) ** 0.8
    place, direction = roots.place.copy(), roots.normal.copy()
    direction = unit(0.35 * direction + field(place, direction, roots.normal))
    points = [place]
    swirl = unit(rng.normal(0, 1, (count, 3)).astype(np.float32))
    for step in range(steps):
        height, normal = skull.distance(place)
        wanted = field(place, direction, normal)
        pull = 0.9 if step else 0.5
        direction = unit(np.asarray((1 - 0.5 * pull) * direction + pull * wanted + 0.04 * swirl, np.float32))
        place = place + step_cm * direction
        height, normal = skull.distance(place)
        # Each hair keeps to its own layer of the hair's thickness, reached a little way from the root. Combed hair is
        # held down to it too, until it hangs free below the ears.
        layer = (0.08 + look.volume_cm * rise) * min(1.0, (step + 1) / 3)
        held = 0.6 * smooth_step(place[:, 1], -1.5, 2.5)
        lift = np.where(height < layer, layer - height, held * (layer - height))[:, None].astype(np.float32)
        if look.style == "bob":
            # Past the ears hair hangs clear of the neck; the skull there is no guide.
            lift *= smooth_step(place[:, 1], 2.2, 4.2)[:, None]
        place = place + lift * normal
        outward = (direction * normal).sum(1, keepdims=True)
        pressing = np.where(lift > 0, np.minimum(outward, 0), 0)
        direction = unit(np.asarray(direction - pressing * normal, np.float32))
        points.append(place)
    return np.stack(points, 1).astype(np.float32)


def _knot_centre(vertices: F32) -> F32:
    crown = vertices[np.argmax(vertices[:, 1])]
    return np.asarray(crown + np.array([0.0, 0.9, -0.5]), np.float32)


def _knot_field(vertices: F32) -> _Field:
    knot = _knot_centre(vertices)

    def field(place: F32, _direction: F32, normal: F32) -> F32:
        away = np.linalg.norm(knot - place, axis=1, keepdims=True)
        along = (knot - place) / np.maximum(away, 0.1)
        flat = unit(along - (along * normal).sum(1, keepdims=True) * normal)
        return np.asarray(np.where(away > 2.6, flat, along), np.float32)

    return field


def _knot(vertices: F32, look: HairLook, rng: np.random.Generator) -> Strands:
    """The knot itself: locks wound round a ball, each lock in its own plane and a little proud of the last."""
    locks, hairs, steps = 26, 330, 27
    centre = _knot_centre(vertices) + np.array([0.0, 0.8, 0.0], np.float32)
    axis = unit((np.array([0.25, 0.85, 0.5]) + rng.normal(0, 0.42, (locks, 3))).astype(np.float32))
    across = unit(np.cross(axis, rng.normal(0, 1, (locks, 3))).astype(np.float32))
    beside = np.cross(axis, across)
    height = np.linspace(-0.75, 0.9, locks) + rng.normal(0, 0.08, locks)
    radius = 2.35 + 0.25 * rng.random(locks)
    lock = np.repeat(np.arange(locks), hairs)
    count = len(lock)
    start = (rng.random(locks) * 6.283)[lock] + rng.normal(0, 0.25, count)
    turn = start[:, None] + np.linspace(0, 2.6, steps)[None] * rng.uniform(0.75, 1.0, (count, 1))
    # Round cross-section of the lock: offsets across it shrink towards its ends.
    u, v = rng.normal(0, 0.22, (2, count, 1)) * np.sin(np.linspace(0.35, 2.8, steps))[None]
    level = height[lock][:, None] + u
    ring = np.sqrt(np.maximum(1 - (level.clip(-0.95, 0.95)) ** 2, 0.08)) * radius[lock][:, None] + v
    spoke = np.cos(turn)[..., None] * across[lock][:, None] + np.sin(turn)[..., None] * beside[lock][:, None]
    points = centre + ring[..., None] * spoke + (level * radius[lock][:, None] * 0.8)[..., None] * axis[lock][:, None]
    shade = np.exp(rng.normal(0, 0.15, (locks, 1)))[lock]
    colour = vary(srgb_to_linear(look.colour), count, rng) * shade
    return Strands(points.astype(np.float32), colour.astype(np.float32), 0.013, look.gloss)


def _fringe(roots: Roots, look: HairLook) -> NDArray[np.bool_]:
    """(n,) True where the hair falls forward."""
    x, y, z = np.abs(roots.rest[:, 0]), roots.rest[:, 1], roots.rest[:, 2]
    return np.asarray(look.fringe & (z > 3.2 + 0.25 * x) & (y > 7.0) & (x < 5.6))


def _bob_steps(roots: Roots, look: HairLook) -> F32:
    """(n, 1) cm a step: a fringe is cut above the eyes, from wherever on the crown it starts."""
    to_brow = np.linalg.norm(roots.rest - np.array([0.0, 5.9, 10.3]) * [0, 1, 1] - roots.rest * [1, 0, 0], axis=1)
    length = np.where(_fringe(roots, look), to_brow * 1.12, look.length_cm)
    return np.asarray(length[:, None] / 30, np.float32)


def _bob_field(roots: Roots, look: HairLook) -> _Field:
    side = np.where(roots.rest[:, 0] > look.part_cm, 1.0, -1.0).astype(np.float32)
    fringe = _fringe(roots, look)[:, None]
    near_part = np.exp(-(((roots.rest[:, 0] - look.part_cm) / 1.6) ** 2))[:, None]

    def field(place: F32, _direction: F32, normal: F32) -> F32:
        down = np.array([0.0, -1.0, 0.0], np.float32)
        sideways = np.stack([side, 0.35 * np.ones_like(side) * near_part[:, 0], np.zeros_like(side)], 1)
        high = smooth_step(place[:, 1], 4.5, 9.0)[:, None]
        # Off the face: locks in front of the ears are brushed outward and back.
        front = (smooth_step(place[:, 2], 2.0, 5.5) * smooth_step(8.6 - np.abs(place[:, 0]), 0.0, 2.0))[:, None]
        off = np.stack([np.sign(place[:, 0] + 1e-3), np.zeros_like(side), -1.1 * np.ones_like(side)], 1)
        # Under the jaw the ends turn in.
        inward = smooth_step(-5.0 - place[:, 1], 0.0, 4.0)[:, None] * np.stack(
            [-np.sign(place[:, 0]), 0 * side, 0 * side], 1
        )
        wanted = unit(high * sideways + (1 - 0.75 * high) * down + 1.0 * front * off + 0.35 * inward)
        forward = np.stack([0.03 * place[:, 0], -0.75 * np.ones_like(side), 0.65 * np.ones_like(side)], 1)
        wanted = np.where(fringe, unit(forward), wanted)
        return np.asarray(wanted - np.minimum((wanted * normal).sum(1, keepdims=True), 0) * normal * 0.8, np.float32)

    return field


def _follow(points: F32, guides: Roots, roots: Roots, look: HairLook, rng: np.random.Generator) -> Strands:
    """Every hair takes the path of its nearest guide, drawn together into locks towards the tip."""
    parting = np.array([3.0 * (look.style == "bob"), 0, 0], np.float32)
    forward = np.array([0, 0, 3.0], np.float32)

    def apart(some: Roots) -> F32:
        """Roots with the sides of the parting, and the fringe, moved too far apart to share a guide."""
        fringe = _fringe(some, look)[:, None]
        return np.where(fringe, some.place + forward, some.place + (some.rest[:, :1] > look.part_cm) * parting)

    _, nearest = cKDTree(apart(guides)).query(apart(roots))
    count, steps = len(roots.place), points.shape[1]
    s = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    offset = (roots.place - guides.place[nearest])[:, None]
    clump = rng.uniform(0.25, 0.95, (count, 1, 1)).astype(np.float32)
    wander = rng.normal(0, 0.11 if look.style != "top_knot" else 0.05, (count, 1, 3)).astype(np.float32)
    phase = rng.random((count, 1, 1)) * 6.283
    wave = 0.05 * np.sin(5.0 * s + phase) * s
    strays = (rng.random((count, 1, 1)) < 0.02) * rng.normal(0, 0.5, (count, 1, 3)) * s**1.5
    path = points[nearest] + offset * (1 - 0.55 * clump * s) + wander * s + wave + strays
    # Hairs end at different lengths: the path is resampled to a part of itself.
    part = rng.uniform(0.82, 1.0, count)
    at = part[:, None] * np.arange(steps)[None]
    low = at.astype(int).clip(0, steps - 2)
    fraction = (at - low)[..., None]
    rows = np.arange(count)[:, None]
    path = path[rows, low] * (1 - fraction) + path[rows, low + 1] * fraction
    lock = np.exp(rng.normal(0, 0.16, (len(points), 1)))[nearest]
    colour = vary(srgb_to_linear(look.colour), count, rng) * lock
    return Strands(path.astype(np.float32), colour.astype(np.float32), 0.013, look.gloss)


def _coils(head: HeadModel, vertices: F32, normals: F32, look: HairLook, rng: np.random.Generator) -> Strands:
    """Tight curls: each hair a small helix round the way out of the head."""
    weight = scalp_share(head.vertices, look.hairline_cm, 0.9)
    roots = scatter_roots(head, vertices, normals, weight, look.count, rng)
    share = scalp_share(roots.rest, look.hairline_cm, 0.9)
    kept = rng.random(look.count) < share
    place, normal, rest = roots.place[kept], roots.normal[kept], roots.rest[kept]
    # Clipped short over the ears and at the nape, fuller on top; fading in at the hairline.
    top = smooth_step(rest[:, 1], 3.0, 10.0)
    length = look.length_cm * (0.10 + 0.90 * top) * (0.15 + 0.85 * share[kept]) * rng.uniform(0.8, 1.08, len(place))
    count, steps = len(place), 26
    out = unit(normal + np.array([0, 0.25, 0], np.float32) + rng.normal(0, 0.16, normal.shape).astype(np.float32))
    across = unit(np.cross(out, rng.normal(0, 1, out.shape)).astype(np.float32))
    beside = np.cross(out, across)
    s = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    turns = rng.uniform(1.6, 3.4, (count, 1, 1)) * (length / look.length_cm).reshape(-1, 1, 1)
    angle = s * turns * 6.283 + rng.random((count, 1, 1)) * 6.283
    radius = rng.uniform(0.10, 0.24, (count, 1, 1)) * smooth_step(s, 0.0, 0.25)
    # Coils cluster: neighbours lean to a shared point near their tips.
    tips = place + out * length[:, None]
    centres = tips[rng.choice(count, max(count // 45, 1), replace=False)]
    _, nearest = cKDTree(centres).query(tips)
    lean = (centres[nearest] - tips)[:, None] * s * 0.45
    path = place[:, None] + out[:, None] * s * length[:, None, None] + lean
    path = path + radius * (np.cos(angle) * across[:, None] + np.sin(angle) * beside[:, None])
    return Strands(path.astype(np.float32), vary(srgb_to_linear(look.colour), count, rng), 0.014, look.gloss)

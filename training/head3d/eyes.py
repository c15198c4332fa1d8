"""Eyes: a painted iris that looks into the camera, under a wet cornea that mirrors the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.light import Light
from training.head3d.model import HeadModel, Part
from training.head3d.scene import Buffers, Camera, Material
from training.head3d.shading import (
    fractal_noise,
    lattice_noise,
    srgb_to_linear,
    unit,
    wrapped_diffuse,
)

_IRIS_RADIUS_CM = 0.62
_CORNEA_BULGE_CM = 0.78


@dataclass(frozen=True)
class IrisLook:
    """Colours are sRGB 8-bit: the ring near the pupil, the iris, its dark outer ring."""

    inner: tuple[int, int, int]
    outer: tuple[int, int, int]
    ring: tuple[int, int, int]
    pupil: float = 0.36
    """Pupil radius as a share of the iris radius."""


def eye_centres(head: HeadModel, vertices: F32) -> F32:
    """(2, 3) cm: centres of the two outer eyeballs, the subject's left first."""
    outer = [piece for piece in head.pieces(Part.EYEBALLS) if len(piece) == 770]
    return np.stack([vertices[piece].mean(0) for piece in outer])


def shade(
    buffers: Buffers, camera: Camera, lights: tuple[Light, ...], sky: F32, centres: F32, look: IrisLook,
    gaze_to: F32 | None = None,
) -> F32:  # fmt: skip
    """Linear light (q, 3) that eye pixels send to the camera; ``sky`` (3,) the colour of the ambient light.

    ``gaze_to`` (3,): the direction both eyes look in; None: into the camera.
    """
    _, rows = buffers.of(Material.EYE)
    position, normal, to_eye = buffers.position[rows], buffers.normal[rows], buffers.to_eye[rows]
    mine = centres[((position[:, None] - centres) ** 2).sum(2).argmin(1)]
    gaze = unit(camera.eye - mine) if gaze_to is None else np.broadcast_to(unit(gaze_to), mine.shape)
    from_centre = position - mine
    along = (from_centre * gaze).sum(1, keepdims=True)
    flat = from_centre - along * gaze
    radius = np.linalg.norm(flat, axis=1) / _IRIS_RADIUS_CM
    turn = np.arctan2(flat[:, 1], flat[:, 0])
    colour = _sclera(position, from_centre, radius)
    iris = _iris(radius, turn, mine[:, 0], look)
    share = smooth_step(radius + 0.015 * np.sin(turn * 9), 1.05, 0.95)[:, None]
    colour = colour + (iris - colour) * share
    # The lids and lashes keep light from above off the top of the ball.
    shelter = buffers.sky[rows]
    arriving = np.zeros_like(colour) + sky * (shelter**1.3)[:, None] * 0.8
    # Light gathers on the side of the iris away from where it enters.
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        cosine = wrapped_diffuse(unit(from_centre), towards, 0.5)
        caustic = 1 + 0.9 * share[:, 0] * (radius < 1) * -(flat @ towards) / _IRIS_RADIUS_CM
        lit = (0.30 + 0.70 * buffers.lit[rows, index]) * shelter**0.8
        arriving += (cosine * caustic.clip(0.35, 2.0) * lit)[:, None] * np.array(light.colour, np.float32)
    out = colour * arriving
    return np.asarray(out + _mirror(position, mine, gaze, to_eye, normal, shelter), np.float32)


def _sclera(position: F32, from_centre: F32, radius: F32) -> F32:
    white = srgb_to_linear((196, 188, 182))
    pink = srgb_to_linear((205, 140, 128))
    outward = np.abs(from_centre[:, 0]) / 1.3
    amount = 0.08 + 0.35 * smooth_step(outward, 0.55, 1.1)
    veins = smooth_step(fractal_noise(position * np.array([1.6, 5.0, 3.0], np.float32), 70, 3), 0.35, 1.0)
    amount = (amount + 0.22 * veins * smooth_step(radius, 1.2, 2.2))[:, None]
    return np.asarray(white + (pink - white) * amount, np.float32)


def _iris(radius: F32, turn: F32, side: F32, look: IrisLook) -> F32:
    inner, outer, ring = (srgb_to_linear(colour) for colour in (look.inner, look.outer, look.ring))
    circle = np.stack([np.cos(turn) * 5.5, np.sin(turn) * 5.5, radius * 0.8 + side], 1).astype(np.float32)
    fibres = lattice_noise(circle, 80) + 0.6 * lattice_noise(circle * 2.3, 81) + 0.4 * lattice_noise(circle * 4.7, 82)
    mix = smooth_step(radius + 0.06 * fibres, look.pupil + 0.02, 0.78)[:, None]
    colour = inner + (outer - inner) * mix
    colour = colour * (1 + 0.32 * fibres * smooth_step(radius, look.pupil, look.pupil + 0.2))[:, None].clip(0.3, 2.0)
    colour = colour + (ring - colour) * smooth_step(radius + 0.02 * fibres, 0.80, 1.0)[:, None] * 0.85
    pupil = smooth_step(radius, look.pupil + 0.04, look.pupil - 0.03)[:, None]
    return np.asarray(colour * (1 - pupil) + 0.004 * pupil, np.float32)


def _mirror(position: F32, centres: F32, gaze: F32, to_eye: F32, normal: F32, shelter: F32) -> F32:
    """What the wet surface mirrors: a softbox above on one side, a faint fill low on the other."""
    # The cornea is a smaller sphere set forward in the ball; its own normals place the highlight.
    apex = centres + gaze * 0.62
    flat = (position - apex) - ((position - apex) * gaze).sum(1, keepdims=True) * gaze
    near = smooth_step(np.linalg.norm(flat, axis=1), 0.78, 0.58)[:, None]
    bulge = gaze * np.sqrt(np.maximum(_CORNEA_BULGE_CM**2 - (flat**2).sum(1), 0.05))[:, None] + flat
    surface = unit(normal + (unit(bulge) - normal) * near)
    mirrored = 2 * (surface * to_eye).sum(1, keepdims=True) * surface - to_eye
    x, y = mirrored[:, 0], mirrored[:, 1]
    key = smooth_step(np.maximum(np.abs(x + 0.50) / 0.20, np.abs(y - 0.52) / 0.27), 1.12, 0.88)
    fill = smooth_step(np.maximum(np.abs(x - 0.72) / 0.10, np.abs(y - 0.10) / 0.34), 1.3, 0.7)
    wet = 0.02 + 0.98 * (1 - (surface * to_eye).sum(1).clip(0, 1)) ** 5
    strength = (1.25 * key + 0.10 * fill + 0.5 * wet * smooth_step(y, -0.2, 0.9)) * smooth_step(shelter, 0.12, 0.4)
    return np.asarray(strength[:, None] * np.array([0.97, 0.99, 1.0], np.float32), np.float32)

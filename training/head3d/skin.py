"""Skin: its colours from place to place on the face, its pores, and the light that scatters under it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.light import Light
from training.head3d.scene import Buffers, Camera, Material
from training.head3d.shading import (
    fractal_noise,
    ggx,
    lattice_noise,
    srgb_to_linear,
    unit,
    wrapped_diffuse,
)

_LIPS_CM = (
    (-2.53, -3.52), (-1.7, -2.86), (-0.70, -2.44), (0.0, -2.63), (0.70, -2.44), (1.7, -2.86),
    (2.53, -3.52), (1.8, -4.02), (1.03, -4.28), (0.0, -4.36), (-1.03, -4.28), (-1.8, -4.02),
)  # fmt: skip
"""Outline of the lips on the mean head, x and y in cm."""

_MAP_PX_PER_CM = 60
_MAP_HALF_CM = 4


@dataclass(frozen=True)
class Complexion:
    """Colours are sRGB 8-bit; the rest runs 0..1."""

    skin: tuple[int, int, int]
    lips: tuple[int, int, int]
    blush: tuple[int, int, int]
    blush_strength: float = 0.4
    freckles: float = 0.0
    under_eye: float = 0.3
    oil: float = 0.5
    pores: float = 0.5
    stubble: float = 0.0
    stubble_colour: tuple[int, int, int] = (70, 60, 58)
    lid_shade: float = 0.0
    scalp: tuple[int, int, int] | None = None
    """Colour of the scalp between the hairs; None: skin."""


@cache
def _lip_distance() -> F32:
    """Signed distance in cm from the outline of the lips on the mean head's frontal plane, positive inside."""
    outline = np.array([*_LIPS_CM, _LIPS_CM[0]])
    curve = CubicSpline(np.arange(len(outline)), outline, bc_type="periodic")(np.linspace(0, len(outline) - 1, 400))
    side = 2 * _MAP_HALF_CM * _MAP_PX_PER_CM
    pixels = np.stack([curve[:, 0] + _MAP_HALF_CM, -(curve[:, 1] + 3.4) + _MAP_HALF_CM], 1) * _MAP_PX_PER_CM
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [pixels.round().astype(np.int32)], 1)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return np.asarray((inside - outside) / _MAP_PX_PER_CM, np.float32)


def lip_share(texture: F32) -> F32:
    """(p,) 0..1, how much a place (p, 3) on the mean head is lip."""
    x = (texture[:, 0] + _MAP_HALF_CM) * _MAP_PX_PER_CM
    y = (-(texture[:, 1] + 3.4) + _MAP_HALF_CM) * _MAP_PX_PER_CM
    distance = map_coordinates(_lip_distance(), [y, x], order=1, mode="nearest")
    wobble = 0.04 * lattice_noise(texture * 3.0, 5)
    return smooth_step(distance + wobble, -0.10, 0.14) * (texture[:, 2] > 3)


def spot(texture: F32, x: float, y: float, radius_x: float, radius_y: float) -> F32:
    """A soft pair of spots (p,), mirrored left and right, on the front of the mean head."""
    u = (np.abs(texture[:, 0]) - x) / radius_x
    v = (texture[:, 1] - y) / radius_y
    return np.asarray(np.exp(-(u**2) - v**2) * smooth_step(texture[:, 2], 2.0, 6.0), np.float32)


def stubble_share(texture: F32) -> F32:
    """(p,) 0..1, where a beard grows on the mean head: upper lip, chin, jaw and the upper neck."""
    x, y, z = np.abs(texture[:, 0]), texture[:, 1], texture[:, 2]
    cheek_line = -3.6 + 0.42 * np.maximum(x - 2.6, 0) ** 1.15
    jaw = smooth_step(cheek_line - y, -0.5, 0.9) * smooth_step(y, -11.5, -8.5)
    upper_lip = smooth_step(y, -3.9, -3.0) * smooth_step(-1.35 - y, 0.0, 0.45) * smooth_step(3.0 - x, 0.0, 0.7)
    sides = smooth_step(x, 6.0, 6.9) * smooth_step(5.2 - y, 0.0, 1.0) * smooth_step(y, -9.0, -6.0)
    grown = np.maximum(np.maximum(jaw, upper_lip * 0.85), sides) * smooth_step(z, -0.5, 2.0)
    return np.asarray(grown * (1 - lip_share(texture)), np.float32)


def albedo(texture: F32, look: Complexion, hair_cover: F32, seed: int) -> F32:
    """Linear colour (p, 3) of skin at places (p, 3) of the mean head; ``hair_cover`` (p,) where hair grows densely."""
    base = srgb_to_linear(look.skin)
    blush = srgb_to_linear(look.blush)
    lips = srgb_to_linear(look.lips)
    mottle = fractal_noise(texture * 0.8, seed, 4)
    fine = fractal_noise(texture * 5.0, seed + 10, 3)
    tint = np.array([0.35, 0.8, 1.0], np.float32)
    colour = base * (1 - 0.075 * mottle[:, None] * tint - 0.07 * fine[:, None] * tint)
    redness = (
        1.0 * spot(texture, 4.3, -0.2, 2.0, 1.7)
        + 0.75 * spot(texture, 0.0, 0.1, 1.5, 1.2)
        + 0.45 * spot(texture, 0.0, -6.4, 1.6, 1.1)
        + 0.35 * spot(texture, 1.6, -0.5, 0.9, 0.8)
        + 0.7 * smooth_step(np.abs(texture[:, 0]), 7.6, 9.0) * smooth_step(texture[:, 1], -5.0, -2.0)
    )
    amount = (look.blush_strength * redness * (1 + 0.3 * mottle)).clip(0, 0.9)[:, None]
    colour = colour + (blush - colour) * amount
    shadow = spot(texture, 2.7, 2.1, 1.4, 0.7) * look.under_eye
    lid = spot(texture, 3.2, 4.35, 1.7, 0.5) * look.lid_shade
    colour = colour * (1 - shadow[:, None] * np.array([0.20, 0.30, 0.26], np.float32))
    colour = colour * (1 - lid[:, None] * np.array([0.30, 0.42, 0.42], np.float32))
    # Between brows and lash line, and at the very lid edge, skin is thin and warm.
    rim = spot(texture, 3.1, 2.95, 1.6, 0.22)
    colour = colour * (1 - rim[:, None] * np.array([0.06, 0.20, 0.18], np.float32))
    if look.freckles > 0:
        dots = smooth_step(lattice_noise(texture * 5.2, seed + 20), 0.85, 1.5)
        dots += 0.7 * smooth_step(lattice_noise(texture * 7.5, seed + 21), 0.8, 1.6)
        where = spot(texture, 2.6, 0.6, 3.2, 2.2) + 0.35 * smooth_step(texture[:, 1], -6, 4)
        colour = colour * (1 - (look.freckles * dots * where).clip(0, 0.6)[:, None] * tint * 0.7)
    if look.stubble > 0:
        grown = stubble_share(texture) * (0.8 + 0.25 * mottle)
        grain = 0.75 + 0.5 * smooth_step(lattice_noise(texture * 16.0, seed + 30), -0.4, 1.0)
        amount = (look.stubble * grown * grain).clip(0, 0.8)[:, None]
        colour = colour + (srgb_to_linear(look.stubble_colour) - colour) * amount
    if look.scalp is not None:
        colour = colour + (srgb_to_linear(look.scalp) - colour) * (0.9 * hair_cover)[:, None]
    lip = lip_share(texture)
    lines = lattice_noise(texture * np.array([9.0, 1.6, 1.6], np.float32), seed + 40)
    # The wet seam between the lips is darker and redder than their faces.
    seam = np.exp(-(((texture[:, 1] + 3.36 + 0.03 * texture[:, 0] ** 2) / 0.16) ** 2))
    lip_colour = lips * (1 - 0.09 * lines - 0.05 * fine)[:, None] * (1 - 0.45 * seam[:, None] * tint)
    return np.asarray(colour + (lip_colour - colour) * (0.88 * lip)[:, None], np.float32).clip(0.002, 1)


def shade(
    buffers: Buffers, camera: Camera, lights: tuple[Light, ...], sky_colour: F32, look: Complexion, hair: F32, seed: int
) -> F32:
    """Linear light (q, 3) that skin pixels send to the camera. ``hair`` (q,): where dense hair grows on them."""
    pixels, rows = buffers.of(Material.SKIN)
    texture, to_eye = buffers.texture[rows], buffers.to_eye[rows]
    lit, sky = buffers.lit[rows], buffers.sky[rows]
    lip = lip_share(texture)
    normal = _with_pores(buffers.normal[rows], texture, pixels, camera, look, lip, seed)
    smooth = buffers.normal[rows]
    colour = albedo(texture, look, hair, seed)
    # Light bleeds round the terminator, red furthest, so each colour wraps a little more than the next.
    arriving = np.zeros_like(colour)
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        for channel, (wrap, softness) in enumerate(((0.35, 0.75), (0.18, 0.4), (0.12, 0.3))):
            mixed = unit(normal + (smooth - normal) * softness)
            cosine = wrapped_diffuse(mixed, towards, wrap)
            arriving[:, channel] += light.colour[channel] * cosine * lit[:, index]
    upness = (0.72 + 0.28 * smooth[:, 1:2]) * sky_colour
    arriving += upness * sky[:, None]
    scattered = _scatter(arriving, pixels, camera)
    oily = (
        spot(texture, 0.0, 7.0, 3.0, 1.8) + spot(texture, 0.0, 1.5, 0.9, 3.0) + 0.7 * spot(texture, 3.9, 0.6, 1.4, 1.0)
    )
    uneven = fractal_noise(texture * 3.0, seed + 50, 2)
    dry = (0.56 - 0.13 * look.oil * oily + 0.03 * uneven).clip(0.3, 0.7)
    rough = np.asarray(dry + (0.34 - dry) * 0.8 * lip, np.float32)
    # Deep hollows, nostrils above all, swallow what light strays in.
    out = np.asarray(colour * scattered * (0.35 + 0.65 * smooth_step(sky, 0.02, 0.22))[:, None], np.float32)
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        gloss = 0.75 * ggx(normal, towards, to_eye, rough, 0.028) + 0.35 * ggx(
            normal, towards, to_eye, rough * 0.62, 0.028
        )
        shine = (gloss * lit[:, index] * (0.55 + 0.6 * look.oil * (oily + lip).clip(0, 1.2)))[:, None]
        out += np.minimum(shine, 0.6) * np.array(light.colour, np.float32)
    grazing = (1 - np.maximum((smooth * to_eye).sum(1), 0)) ** 5
    out = out + (0.028 + 0.25 * grazing)[:, None] * (sky**1.5)[:, None] * sky_colour * 0.35
    return np.asarray(out, np.float32)


def _with_pores(
    normal: F32, texture: F32, pixels: NDArray[np.bool_], camera: Camera, look: Complexion, lip: F32, seed: int
) -> F32:
    """Normals tilted by the slope of a height drawn from noise: pores, fine creases, the lips' vertical lines."""
    pores = -smooth_step(lattice_noise(texture * 7.0, seed + 60), 0.1, 1.7) - 0.5 * smooth_step(
        lattice_noise(texture * 12.0, seed + 61), 0.1, 1.6
    )
    soft = 0.5 * fractal_noise(texture * 2.6, seed + 62, 3)
    lines = lattice_noise(texture * np.array([7.0, 1.2, 1.2], np.float32), seed + 63)
    amount = look.pores * (0.6 + spot(texture, 3.0, 0.0, 2.6, 2.2) + spot(texture, 0.0, 0.5, 1.2, 1.5))
    height_cm = (0.0075 * amount * pores + 0.008 * soft) * (1 - lip) + 0.013 * lip * lines
    plane = np.zeros(pixels.shape, np.float32)
    plane[pixels] = height_cm
    slope_x = cv2.Scharr(plane, cv2.CV_32F, 1, 0)[pixels] / 32 * camera.scale
    slope_y = cv2.Scharr(plane, cv2.CV_32F, 0, 1)[pixels] / 32 * camera.scale
    # At the border of the skin the height falls to nothing; that edge is no relief.
    slope_x, slope_y = slope_x.clip(-0.35, 0.35), slope_y.clip(-0.35, 0.35)
    return unit(normal - np.stack([slope_x, -slope_y, np.zeros_like(slope_x)], 1))


def _scatter(arriving: F32, pixels: NDArray[np.bool_], camera: Camera) -> F32:
    """Blur the light that arrives over the skin as it spreads beneath it: red about 2 mm, green and blue less."""
    out = np.empty_like(arriving)
    weight = pixels.astype(np.float32)
    for channel, profile in enumerate(
        (((0.25, 0.05), (0.75, 0.20)), ((0.6, 0.03), (0.4, 0.10)), ((0.8, 0.02), (0.2, 0.06)))
    ):
        plane = np.zeros(pixels.shape, np.float32)
        plane[pixels] = arriving[:, channel]
        total = np.zeros(len(arriving), np.float32)
        for share, radius_cm in profile:
            sigma = max(radius_cm * camera.scale, 0.3)
            blurred = cv2.GaussianBlur(plane, (0, 0), sigma)[pixels]
            total += share * blurred / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma)[pixels], 1e-3)
        out[:, channel] = total
    return out

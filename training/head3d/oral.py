"""The inside of the mouth as it is seen past the lips of a whole head: teeth, gums, tongue and cheeks from within."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.face.easing import smooth_step
from avatar.types import F32
from training.head3d.light import Light, ambient_occlusion, sky_rays
from training.head3d.model import HeadModel, vertex_normals
from training.head3d.mouth import GUM, IVORY, NECK_OF_TOOTH, TONGUE, split_jaws, tooth_channels
from training.head3d.scene import Buffers, Material
from training.head3d.shading import fractal_noise, ggx, unit, wrapped_diffuse

_CREVICE_RAYS: Final = 48
_FRONT_CM: Final = 10.4
"""Depth of the front teeth on the mean head."""
_FADE_CM: Final = 3.6
"""Light falls off this fast behind them, beyond what the shadow of the lips takes."""
_STRAY_TOOTH, _STRAY_FLESH = 0.24, 0.09
"""Share of the light that gets in without a straight way: much for the teeth, which stand right behind the lips."""


@dataclass(frozen=True, eq=False)
class Oral:
    """What is where in the mouth, at the head's vertices."""

    channels: F32
    """(n, 5): tooth or not, biting edge to neck, tint of the tooth, tongue or not, and how open to light past the rest
    of its own jaw: less between two teeth."""

    @staticmethod
    def of(head: HeadModel) -> Oral:
        """The same for every shape of the head; takes some seconds."""
        upper, lower = split_jaws(head)
        teeth = tooth_channels(head.vertices, upper, -1.0) + tooth_channels(head.vertices, lower, 1.0)
        rays = sky_rays(_CREVICE_RAYS)
        rays = rays[rays[:, 2] > -0.1]
        open_to = np.ones(len(head.vertices), np.float32)
        for jaw in (upper, lower):
            used = np.unique(jaw.triangles)
            normals = vertex_normals(head.vertices, jaw.triangles)[used]
            local = np.searchsorted(used, jaw.triangles).astype(np.int32)
            open_to[used] = ambient_occlusion(head.vertices[used], normals, local, rays)
        return Oral(np.concatenate([teeth, np.maximum(upper.tongue, lower.tongue)[:, None], open_to[:, None]], 1))


def shade(buffers: Buffers, channels: F32, lights: tuple[Light, ...], sky: F32, enamel: F32) -> F32:
    """Linear light (q, 3) that the mouth's pixels send to the camera.

    ``channels`` (p, 5): `Oral.channels` at all seen pixels; ``enamel`` (3,): colour of the teeth beside ivory.
    """
    _, rows = buffers.of(Material.MOUTH)
    toothness, along, tint, tongue, open_to = (channels[rows, k : k + 1] for k in range(5))
    place, normal, to_eye = buffers.texture[rows], buffers.normal[rows], buffers.to_eye[rows]
    tooth = toothness > 0.5
    ivory = IVORY + (NECK_OF_TOOTH - IVORY) * smooth_step(along, 0.35, 1.0)
    # The biting edge is thin and lets the dark behind through.
    ivory = ivory * (1 - smooth_step(along, 0.16, 0.0) * np.array([0.2, 0.15, 0.09], np.float32))
    ivory = ivory * (1 + 0.05 * tint * np.array([0.4, 0.8, 1.5], np.float32)) * enamel
    mottled = 1 + 0.10 * fractal_noise(place * 2.2, 21, 2)[:, None] * np.array([0.5, 1, 1], np.float32)
    flesh = (GUM + (TONGUE - GUM) * tongue) * mottled
    colour = np.where(tooth, ivory, flesh) * np.where(tooth, open_to, 0.4 + 0.6 * open_to)
    deep = np.exp(-np.maximum(_FRONT_CM - place[:, 2:], 0) / _FADE_CM)
    # What scatters inside enamel and flesh comes out warm where little light arrives. Wet flesh passes light on to its
    # neighbours, which the shadows of the lips know nothing of.
    strayed = np.where(tooth, np.float32(_STRAY_TOOTH), np.float32(_STRAY_FLESH))
    warm = np.array([0.72, 0.93, 1.0], np.float32)
    arriving = sky * (strayed + (1 - strayed) * buffers.sky[rows, None]) ** warm
    shine = np.zeros_like(colour)
    rough = np.where(tooth[:, 0], 0.24, 0.34).astype(np.float32)
    for index, light in enumerate(lights):
        towards = unit(np.array(light.direction, np.float32))
        power = (strayed + (1 - strayed) * buffers.lit[rows, index, None]) ** warm * np.array(light.colour, np.float32)
        arriving = arriving + wrapped_diffuse(normal, towards, 0.35)[:, None] * power
        shine = shine + ggx(normal, towards, to_eye, rough, 0.04)[:, None] * power
    return np.asarray((colour * arriving + np.minimum(0.8 * shine, 0.35)) * deep, np.float32)

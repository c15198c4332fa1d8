"""What lies behind a person, far out of focus: rooms of soft light, a window, lamps that blur to discs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from avatar.types import F32
from training.head3d.shading import srgb_to_linear

Kind = Literal["studio", "window", "evening", "garden"]
_SIDE = 512


@dataclass(frozen=True)
class BackdropLook:
    """Colours are sRGB 8-bit: the dark and the light end of the room."""

    kind: Kind
    dark: tuple[int, int, int]
    light: tuple[int, int, int]


def paint(look: BackdropLook, side: int, rng: np.random.Generator) -> F32:
    """The backdrop as linear light (side, side, 3)."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) / _SIDE
    dark, light = srgb_to_linear(look.dark), srgb_to_linear(look.light)
    glow = np.exp(-(((x - 0.30) / 0.55) ** 2) - ((y - 0.32) / 0.60) ** 2)[..., None]
    picture = dark + (light - dark) * glow
    if look.kind == "window":
        picture = _window(picture, light)
    elif look.kind == "evening":
        picture = _lamps(
            picture, rng, [(255, 190, 110), (255, 150, 80), (255, 220, 170), (120, 160, 210)], 26, (0.0, 0.62)
        )
    elif look.kind == "garden":
        picture = _leaves(picture, rng)
    big = cv2.resize(picture.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    # A little grain: perfectly smooth gradients band in JPEG.
    grain = rng.normal(0, 0.012, (side, side, 1)).astype(np.float32)
    return np.asarray(np.maximum(big * (1 + grain), 0), np.float32)


def _window(picture: F32, light: F32) -> F32:
    out = picture.astype(np.float32).copy()
    daylight = srgb_to_linear((236, 242, 250)) * 1.15
    for left, right in ((0.03, 0.145), (0.17, 0.285)):
        for top, bottom in ((0.02, 0.30), (0.33, 0.66)):
            x0, x1, y0, y1 = (round(v * _SIDE) for v in (left, right, top, bottom))
            out[y0:y1, x0:x1] = daylight * (1.0 - 0.25 * (top > 0.2))
    shelf = srgb_to_linear((92, 70, 54))
    out[round(0.60 * _SIDE) : round(0.625 * _SIDE), round(0.72 * _SIDE) :] = shelf
    books = [(142, 84, 66), (70, 92, 104), (176, 150, 112), (98, 104, 84), (128, 70, 78), (190, 178, 158)]
    x = 0.745
    for index, colour in enumerate(books * 2):
        width, height = 0.016 + 0.007 * ((index * 5) % 3), 0.12 + 0.03 * ((index * 7) % 4)
        x0, x1 = round(x * _SIDE), round((x + width) * _SIDE)
        out[round((0.60 - height) * _SIDE) : round(0.60 * _SIDE), x0:x1] = srgb_to_linear(colour) * 0.7
        x += width + 0.003
    blurred = _defocus(out, 17)
    spill = cv2.GaussianBlur(blurred, (0, 0), 60)
    return np.asarray(blurred * 0.85 + 0.15 * spill + 0.02 * light, np.float32)


def _lamps(
    picture: F32, rng: np.random.Generator, colours: list[tuple[int, int, int]], count: int, band: tuple[float, float]
) -> F32:
    lamps = np.zeros((_SIDE, _SIDE, 3), np.float32)
    for _ in range(count):
        x, y = rng.uniform(0, 1), rng.uniform(*band)
        colour = srgb_to_linear(colours[rng.integers(len(colours))]) * rng.uniform(0.15, 0.6)
        disc = np.zeros((_SIDE, _SIDE), np.float32)
        radius = rng.uniform(11, 25)
        cv2.circle(disc, (round(x * _SIDE * 16), round(y * _SIDE * 16)), round(radius * 16), 1.0, -1, cv2.LINE_8, 4)
        soft = cv2.GaussianBlur(disc, (0, 0), 1.6)
        # A lens draws the rim of a disc a little brighter than its middle.
        rim = soft - 0.25 * cv2.GaussianBlur(soft, (0, 0), radius / 2.5)
        lamps += np.maximum(rim, 0)[..., None] * colour
    return np.asarray(picture + lamps + 0.25 * cv2.GaussianBlur(lamps, (0, 0), 50), np.float32)


def _leaves(picture: F32, rng: np.random.Generator) -> F32:
    out = picture.astype(np.float32).copy()
    greens = [(86, 110, 62), (120, 142, 78), (54, 82, 50), (168, 178, 110), (206, 210, 160), (44, 66, 48)]
    for _ in range(420):
        x, y = rng.uniform(-0.05, 1.05), rng.beta(1.2, 1.1)
        colour = srgb_to_linear(greens[rng.integers(len(greens))]) * rng.uniform(0.4, 1.0) * (1.15 - 0.6 * y)
        centre = (round(x * _SIDE), round(y * _SIDE))
        axes = (round(rng.uniform(6, 26)), round(rng.uniform(5, 16)))
        cv2.ellipse(out, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour.tolist(), -1)
    sun = _lamps(np.zeros_like(out), rng, [(255, 244, 200), (226, 240, 180)], 16, (0.0, 0.45))
    return np.asarray(_defocus(out, 15) + 0.7 * sun, np.float32)


def _defocus(picture: F32, radius: int) -> F32:
    """The blur of a round aperture: every point becomes a disc."""
    side = 2 * radius + 1
    disc = np.zeros((side, side), np.float32)
    cv2.circle(disc, (radius, radius), radius, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(cv2.filter2D(picture, -1, disc / disc.sum()), (0, 0), 2.0), np.float32)

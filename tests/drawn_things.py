"""Pictures of things that are no faces, drawn: RGB of (height, width, 3), the same at every call."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from avatar.types import F32, U8

_SIZE: Final = (512, 512)


def discs(width: int, height: int) -> U8:
    """Bright mottled discs in dark halos on grey, like cells under a microscope; MediaPipe takes parts for faces."""
    y, x = np.mgrid[:660, :550].astype(np.float32)
    from_middle = np.hypot(x - 428, y - 374)
    mottled = _smooth_noise((660, 550), 4.5, seed=3) * 11.5
    ground = 68 - 60 * np.exp(-(((from_middle - 56) / 40) ** 2)) + 0.4 * mottled
    disc = 210 - 50 * (from_middle / 56) ** 4 + mottled
    inside = np.clip((57 - from_middle) / 3, 0, 1)
    across, down = -(-width // 550), -(-height // 660)
    tiled = np.tile(ground * (1 - inside) + disc * inside, (down, across))[:height, :width]
    return _rgb(tiled)


def bricks() -> U8:
    """A wall of bricks, each of its own shade."""
    wall = np.full(_SIZE, 170, np.float32)
    shades = np.random.default_rng(1).uniform(70, 130, 200)
    for row in range(11):
        for column in range(6):
            left, top = column * 100 - 50 * (row % 2), row * 48
            shade = float(shades[row * 6 + column])
            cv2.rectangle(wall, (left + 4, top + 4), (left + 95, top + 43), shade, -1)
    return _rgb(wall + 8 * _smooth_noise(_SIZE, 1.0, seed=1))


def gravel() -> U8:
    """Pebbles, lit from above."""
    seeds = np.full(_SIZE, 255, np.uint8)
    places = np.random.default_rng(2).integers(0, 512, (700, 2))
    seeds[places[:, 0], places[:, 1]] = 0
    apart = cv2.distanceTransform(seeds, cv2.DIST_L2, 5).astype(np.float32)
    lit = np.gradient(apart, axis=0)
    return _rgb(190 - 9 * apart + 25 * lit + 6 * _smooth_noise(_SIZE, 0.8, seed=2))


def cup() -> U8:
    """A cup of coffee with its spoon on a wooden table, from above at a slant."""
    y = np.mgrid[:512, :512][0].astype(np.float32)
    table = _rgb(120 + 20 * np.sin(y / 7 + 2 * _smooth_noise(_SIZE, 12.0, seed=3)))
    table = np.asarray(table * np.array([1.0, 0.7, 0.45]), np.uint8)
    for axes, colour in (((200, 130), (215, 215, 220)), ((150, 95), (240, 240, 242)), ((132, 80), (70, 40, 22))):
        cv2.ellipse(table, (256, 260), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(table, (240, 250), (60, 30), 20, 0, 360, (150, 100, 60), -1, cv2.LINE_AA)
    cv2.line(table, (330, 390), (480, 300), (190, 190, 195), 12, cv2.LINE_AA)
    return table


def page() -> U8:
    """A printed page in uneven light."""
    paper = np.full(_SIZE, 225, np.uint8)
    for line in range(20):
        cv2.putText(paper, f"and so on from line {line} to the next", (16, 34 + 24 * line), 0, 0.62, 40, 1, cv2.LINE_AA)
    return _rgb(paper - np.linspace(0, 90, 512, dtype=np.float32)[None, :])


def rocket() -> U8:
    """A rocket above its plume, at dusk."""
    sky = np.linspace(40, 130, 512, dtype=np.float32)[:, None] + 4 * _smooth_noise(_SIZE, 20.0, seed=5)
    picture = np.asarray(_rgb(sky) * np.array([0.6, 0.75, 1.0]), np.uint8)
    plume = np.array([[248, 250], [264, 250], [330, 500], [180, 500]], np.int32)
    cv2.fillPoly(picture, [plume], (255, 225, 150), cv2.LINE_AA)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 5), np.uint8)
    cv2.rectangle(picture, (248, 90), (264, 250), (235, 235, 240), -1)
    cv2.fillPoly(picture, [np.array([[248, 90], [264, 90], [256, 60]], np.int32)], (60, 60, 70), cv2.LINE_AA)
    return picture


def _smooth_noise(size: tuple[int, int], blur_px: float, seed: int) -> F32:
    """Noise of deviation 1, smooth over so many pixels."""
    noise = np.random.default_rng(seed).normal(0, 1, size).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), blur_px), np.float32)
    return np.asarray(smooth / smooth.std(), np.float32)


def _rgb(grey: F32) -> U8:
    levels = np.broadcast_to(grey, _SIZE if grey.shape[1] == 1 else grey.shape).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(levels[..., None], 3, axis=2))

"""A photo that somebody holds before a camera in place of a face: still, moved, turned in space, bent like paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np

from avatar.generator.identity import Portrait
from avatar.types import U8


def framed(still: Portrait) -> U8:
    """Return a photo with its face in the middle and room around it, 480 x 480."""
    low, high = still.landmarks_px[:, :2].min(axis=0), still.landmarks_px[:, :2].max(axis=0)
    scale = 200 / float((high - low).max())
    shift = 240 - scale * (low + high) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    return np.asarray(cv2.warpAffine(still.rgb, matrix, (480, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _held(picture: U8, time_s: float) -> U8:
    """Held in a hand: it shakes a little."""
    return _flat(picture, 2 * np.sin(7 * time_s), 2 * np.sin(5 * time_s), 1.0, 0.5 * np.sin(3 * time_s), 0, 0)


def _moved(picture: U8, time_s: float) -> U8:
    """Moved about, nearer and further, and turned in its plane."""
    return _flat(
        picture, 50 * np.sin(2 * time_s), 30 * np.sin(3 * time_s), 1 + 0.25 * np.sin(1.5 * time_s),
        15 * np.sin(2.5 * time_s), 0, 0,
    )  # fmt: skip


def _turned(picture: U8, time_s: float) -> U8:
    """Turned in space as a head would be, by up to 50 degrees to each side."""
    return _flat(picture, 0, 0, 1.0, 0, 50 * np.sin(1.6 * time_s), 0)


def _tilted(picture: U8, time_s: float) -> U8:
    """Tipped forwards and back, and turned."""
    return _flat(picture, 0, 0, 1.0, 0, 30 * np.sin(1.6 * time_s), 35 * np.sin(2.1 * time_s))


def _bent(picture: U8, time_s: float) -> U8:
    """Bent around an upright axis like paper, by up to 60 degrees to each side, and turned."""
    turn, bend = np.radians(40 * np.sin(1.6 * time_s)), np.radians(60 * min(time_s, 1.0))
    size, radius = picture.shape[1], picture.shape[1] / (2 * np.radians(60))
    angles = np.linspace(-1, 1, size) * bend if bend > 0.02 else np.linspace(-0.02, 0.02, size)
    radius = size / (2 * abs(angles[-1]))
    x, z = radius * np.sin(angles), radius * (1 - np.cos(angles))
    seen_x = x * np.cos(turn) + z * np.sin(turn)
    depth = 1200 - x * np.sin(turn) + z * np.cos(turn)
    columns = size / 2 + 1200 * seen_x / depth
    order = np.maximum.accumulate(columns)
    source = np.interp(np.arange(size), order, np.arange(size), left=0, right=size - 1).astype(np.float32)
    rows = np.arange(size, dtype=np.float32)
    near = np.interp(np.arange(size), order, 1200 / depth)
    map_y = (rows[:, None] - size / 2) / near[None] + size / 2
    return np.asarray(
        cv2.remap(picture, np.tile(source, (size, 1)), map_y.astype(np.float32), cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )  # fmt: skip


def _flat(picture: U8, x: float, y: float, scale: float, roll: float, yaw: float, pitch: float) -> U8:
    """Return a picture as a camera sees it held so, angles in degrees, shifts in pixels, from 1200 pixels away."""
    size, away = picture.shape[1], 1200.0
    turned = cv2.Rodrigues(np.radians([pitch, yaw, 0.0]))[0] @ cv2.Rodrigues(np.radians([0.0, 0.0, roll]))[0]
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64) * size / 2
    placed = corners @ turned.T * scale
    seen = placed[:, :2] * (away / (away + placed[:, 2:])) + size / 2 + [x, y]
    plane = cv2.getPerspectiveTransform((corners[:, :2] + size / 2).astype(np.float32), seen.astype(np.float32))
    return np.asarray(cv2.warpPerspective(picture, plane, (size, size), borderMode=cv2.BORDER_REPLICATE), np.uint8)


MOVES: Final[Mapping[str, Callable[[U8, float], U8]]] = {
    "held": _held,
    "moved": _moved,
    "turned": _turned,
    "tilted": _tilted,
    "bent": _bent,
}
"""By its name, the picture (480, 480, 3) of a photo at a time in seconds as the camera sees it."""

"""Things held before a mouth, painted over a picture: hands of the person's own skin, a phone, a mug, a microphone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face import mesh
from avatar.types import F32, U8

F64: TypeAlias = NDArray[np.float64]

SIZE: Final = 160
"""Pixels of the square an occluder is drawn in; it is as wide as `SPAN` distances between the outer eye corners."""
SPAN: Final = 2.6
CHEEKS: Final = (50, 101, 118, 280, 330, 347)


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something drawn once, in front of a mouth wherever that goes."""

    rgb: F32
    """(SIZE, SIZE, 3), 0..255; the mouth is in the middle, the face upright."""
    alpha: F32
    """(SIZE, SIZE), 0..1."""


def skin_of(rgb: U8, landmarks_px: F32) -> F32:
    """Return the (3,) colour of a face's cheeks."""
    points = np.round(landmarks_px[list(CHEEKS), :2]).astype(int)
    height, width = rgb.shape[:2]
    cheeks = rgb[np.clip(points[:, 1], 0, height - 1), np.clip(points[:, 0], 0, width - 1)]
    return np.asarray(np.median(cheeks, axis=0), np.float32)


def hand(chance: np.random.Generator, skin: F32, *, fingers: int = 4) -> Occluder:
    """Return fingers laid across the mouth, and the palm they come from: four cover it from nose to chin."""
    lit_skin = skin * chance.uniform(0.82, 1.1) * chance.uniform(0.96, 1.04, 3)
    x, y = _grid()
    angle = chance.uniform(-0.45, 0.45)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    side = chance.choice([-1, 1])
    thick = 17.0
    rgb, alpha = np.zeros((SIZE, SIZE, 3)), np.zeros((SIZE, SIZE))
    for number in range(fingers):
        middle = (number - (fingers - 1) / 2) * thick * 0.92
        tip = 30 + chance.uniform(-6, 6) - 4 * abs(number - 1.2)
        radius = thick / 2
        over = np.maximum(side * along - tip, 0)
        distance = np.hypot(over, across - middle + 0.05 * along * (number - 1.5)) / radius
        shade = 0.62 + 0.38 * np.sqrt(np.clip(1 - distance**2, 0, 1))
        creases = 1 - 0.18 * sum(np.exp(-((side * along - tip + at) ** 2) / 8) for at in (18, 36))
        cover = np.clip((1 - distance) * radius / 2, 0, 1)
        rgb = rgb * (1 - cover[..., None]) + cover[..., None] * (shade * creases)[..., None] * lit_skin
        alpha = np.maximum(alpha, cover)
    return Occluder(_textured(rgb, chance, 3.0), alpha.astype(np.float32))


def two_fingers(chance: np.random.Generator, skin: F32) -> Occluder:
    """Return two fingers laid on the lips: no more of the face is covered."""
    return hand(chance, skin, fingers=2)


def phone(chance: np.random.Generator, skin: F32) -> Occluder:
    """Return a dark slab with a faint reflection."""
    del skin
    x, y = _grid()
    edge = np.maximum(np.abs(x) / 25, np.abs(y - 10) / 52) - 1
    rgb = np.array([22.0, 23, 27]) * chance.uniform(0.6, 1.6) + 18 * np.clip((x + y) / 80, 0, 1)[..., None]
    return Occluder(_textured(np.broadcast_to(rgb, (SIZE, SIZE, 3)), chance, 1.0), _soft(-edge * 25))


def mug(chance: np.random.Generator, skin: F32) -> Occluder:
    """Return a cup in a plain colour, lit from one side."""
    del skin
    x, y = _grid()
    colour = chance.uniform(40, 240, 3)
    edge = np.maximum(np.abs(x) / 31, np.abs(y - 22) / 36) - 1
    rgb = colour * (0.75 + 0.35 * np.cos((x + 16) / 40))[..., None]
    return Occluder(_textured(rgb, chance, 1.5), _soft(-edge * 31))


def microphone(chance: np.random.Generator, skin: F32) -> Occluder:
    """Return a ball of dark mesh on its handle, over the lips and the chin."""
    del skin
    x, y = _grid()
    distance = np.hypot(x, y - 5) / 21
    mesh_dots = 0.5 + 0.5 * np.cos(x * 1.3) * np.cos(y * 1.3)
    light = 0.4 + 0.9 * np.clip(1 - np.hypot(x + 8, y + 2) / 26, 0, 1)
    rgb = np.array([70.0, 70, 74]) * (light * (0.5 + 0.7 * mesh_dots))[..., None]
    handle = np.minimum(9 - np.abs(x), y - 18)
    return Occluder(_textured(rgb, chance, 2.0), np.maximum(_soft((1 - distance) * 21), _soft(handle)))


OCCLUDERS: Final[dict[str, Callable[[np.random.Generator, F32], Occluder]]] = {
    "hand": hand,
    "two fingers": two_fingers,
    "phone": phone,
    "mug": mug,
    "microphone": microphone,
}


def cover(rgb: U8, landmarks_px: F32, occluder: Occluder, raised: float = 1.0) -> U8:
    """Return a picture whose face, with its true (478, 3) landmarks, has something before its mouth.

    Args:
        rgb: (height, width, 3).
        landmarks_px: of the face.
        occluder: what is held there.
        raised: 1 before the mouth; towards 0 further and further below it.
    """
    right, left = landmarks_px[list(mesh.OUTER_EYE_CORNERS), :2]
    mouth = landmarks_px[[*mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP], :2].mean(axis=0)
    # The nose tells how wide a turned face would be from the front.
    height_px = np.linalg.norm((right + left) / 2 - mouth)
    scale = SPAN * max(np.linalg.norm(left - right), 0.8 * height_px) / SIZE
    across = (left - right) / np.linalg.norm(left - right)
    down = np.array([-across[1], across[0]])
    centre = mouth + (1 - raised) * 1.3 * SPAN * height_px * down
    matrix = np.stack([scale * across, scale * down, centre], axis=1)
    matrix[:, 2] -= matrix[:, :2] @ np.array([SIZE / 2, SIZE / 2])
    size = (rgb.shape[1], rgb.shape[0])
    alpha = cv2.warpAffine(occluder.alpha, matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    paint = cv2.warpAffine(occluder.rgb, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(rgb * (1 - alpha) + paint * alpha, np.uint8)


def _grid() -> tuple[F32, F32]:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) - SIZE / 2
    return x, y


def _soft(inside_px: F32 | F64) -> F32:
    return np.asarray(np.clip(inside_px / 2, 0, 1), np.float32)


def _textured(rgb: F64, chance: np.random.Generator, level: float) -> F32:
    """Add blotches and grain, as no surface before a camera is even."""
    blotches = cv2.GaussianBlur(chance.normal(size=(SIZE, SIZE, 1)).astype(np.float32), (0, 0), 8)
    blotches = blotches.reshape(SIZE, SIZE, 1) / blotches.std()
    grain = chance.normal(size=(SIZE, SIZE, 1)) * level
    return np.asarray(np.clip(rgb * (1 + 0.05 * blotches) + grain, 0, 255), np.float32)

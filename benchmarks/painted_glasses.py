"""Glasses painted over a face in a picture: rims, bridge and arms as a head holds them, with shade and reflections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from avatar.face import mesh
from avatar.face.pose import fit_pose, to_head_frame, to_pixels
from avatar.types import F32, U8

FINER: Final = 3
"""Glasses are painted at so many times the picture's resolution, then averaged: wires are finer than a pixel."""
AROUND: Final = 64
TEMPLES: Final = (127, 356)
"""Landmarks at which the arms go out of sight, the subject's right one first."""


@dataclass(frozen=True, slots=True)
class Glasses:
    """Lengths are shares of the distance between the eyes, colours 0..255, shares 0..1."""

    half_width: float
    half_height: float
    squareness: float
    """Exponent of the rims' superellipse: 2 is round, 4 nearly a rectangle."""
    drop: float
    """How far the rims' middle lies below the eyes."""
    wire: float
    """Width of the rims."""
    colour: tuple[float, float, float]
    cover: float = 1.0
    """How much of what is behind them rims hide."""
    lower: bool = True
    """Whether the rims go on below the eyes."""
    tint: float = 0.0
    """How much darker it is behind them."""
    glare: float = 0.0
    """How much of a lens mirrors a window."""
    shade: float = 0.15
    """How dark their shadow is on the skin."""


def random_glasses(chance: np.random.Generator) -> Glasses:
    """Return glasses as people wear them."""
    kind = chance.random()
    wire = float(chance.uniform(0.012, 0.03) if kind < 0.5 else chance.uniform(0.03, 0.1))
    light = chance.uniform(5, 60) if chance.random() < 0.7 else chance.uniform(60, 230)
    colour = np.clip(light * (1 + chance.normal(0, 0.18, 3)), 0, 255).tolist()
    plain = Glasses(
        half_width=float(chance.uniform(0.33, 0.46)),
        half_height=float(chance.uniform(0.2, 0.4)),
        squareness=float(chance.uniform(2, 5)),
        drop=float(chance.uniform(0.0, 0.1)),
        wire=wire,
        colour=(colour[0], colour[1], colour[2]),
        cover=float(chance.uniform(0.6, 1.0)),
        shade=float(chance.uniform(0, 0.4)),
    )
    return replace(
        plain,
        lower=bool(chance.random() < 0.85),
        tint=float(chance.uniform(0, 0.5) if chance.random() < 0.2 else 0),
        glare=float(chance.uniform(0.1, 0.6) if chance.random() < 0.3 else 0),
    )


def wearing(rgb: U8, landmarks_px: F32, glasses: Glasses, chance: np.random.Generator) -> U8:
    """Return a picture (height, width, 3) whose face, with its (478, 3) landmarks, wears glasses."""
    lines, lenses = _outline(landmarks_px, glasses)
    low = np.floor(landmarks_px[:, :2].min(axis=0)).astype(int).clip(0)
    high = np.ceil(landmarks_px[:, :2].max(axis=0)).astype(int)
    size = np.minimum(high, [rgb.shape[1], rgb.shape[0]]) - low
    if size.min() < 8:
        return rgb
    apart = float(np.linalg.norm(landmarks_px[mesh.RIGHT_IRIS[0]] - landmarks_px[mesh.LEFT_IRIS[0]]))
    at = slice(low[1], low[1] + size[1]), slice(low[0], low[0] + size[0])
    out = rgb.copy()
    part = out[at].astype(np.float32)

    def painted(shapes: list[F32], width: float | None) -> F32:
        mask = np.zeros((size[1] * FINER, size[0] * FINER), np.uint8)
        for shape in shapes:
            places = np.rint((shape - low) * FINER * 16).astype(np.int32)
            if width is None:
                cv2.fillPoly(mask, [places], 255, cv2.LINE_AA, 4)
            else:
                cv2.polylines(mask, [places], False, 255, max(1, round(width * FINER)), cv2.LINE_AA, 4)
        small = cv2.resize(mask, tuple(size.tolist()), interpolation=cv2.INTER_AREA)
        return np.asarray(small[..., None] / np.float32(255), np.float32)

    wire = painted(lines, glasses.wire * apart)
    shadow = np.roll(cv2.GaussianBlur(wire, (0, 0), max(0.5, 0.02 * apart)), round(0.05 * apart), axis=0)
    part *= 1 - glasses.shade * shadow.reshape(wire.shape)
    behind = painted(lenses, None)
    part *= 1 - glasses.tint * behind
    if glasses.glare:
        x, y = np.meshgrid(*(np.linspace(-1, 1, side) for side in size))
        angle, offset = chance.uniform(0, np.pi), chance.uniform(-0.3, 0.3)
        stripe = np.clip(8 * (0.15 - np.abs(np.cos(angle) * x + np.sin(angle) * y - offset)), 0, 1)[..., None]
        part += glasses.glare * behind * stripe * (240 - part)
    part += glasses.cover * wire * (np.array(glasses.colour, np.float32) - part)
    out[at] = np.clip(np.rint(part), 0, 255)
    return out


def _outline(landmarks_px: F32, glasses: Glasses) -> tuple[list[F32], list[F32]]:
    """Return what is drawn as lines, rims, bridge and arms, and the lenses, each (n, 2) pixels."""
    pose = fit_pose(landmarks_px)
    head = to_head_frame(landmarks_px, pose)
    eyes = [head[list(corners)].mean(axis=0) for corners in (mesh.RIGHT_EYE_CORNERS, mesh.LEFT_EYE_CORNERS)]
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    depth = min(float(head[[168, 6], 2].min()), float(np.mean([eye[2] for eye in eyes])) - 0.2 * apart)
    turn = np.linspace(0, 2 * np.pi, AROUND)
    power = 2 / glasses.squareness
    across = glasses.half_width * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    down = glasses.half_height * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power + glasses.drop

    def seen(points: np.ndarray) -> F32:
        return to_pixels(points.astype(np.float32), pose)[:, :2]

    rims = [np.stack([eye[0] + apart * across, eye[1] + apart * down, np.full(AROUND, depth)], axis=1) for eye in eyes]
    lenses = [seen(rim) for rim in rims]
    lines = lenses if glasses.lower else [seen(rim[down <= glasses.drop + 0.02]) for rim in rims]
    height = (eyes[0][1] + eyes[1][1]) / 2 - 0.03 * apart
    bow = np.linspace(0, 1, 9)
    inner, other = rims[0][:, 0].max(), rims[1][:, 0].min()
    bridge = np.stack([
        inner + (other - inner) * bow, height - 0.05 * apart * np.sin(np.pi * bow), np.full(9, depth)
    ], axis=1)  # fmt: skip
    lines = [*lines, seen(bridge)]
    for rim, temple, side in zip(rims, TEMPLES, (-1, 1), strict=True):
        hinge = np.array([side * (side * rim[:, 0]).max(), height, depth])
        lines.append(np.concatenate([seen(hinge[None]), landmarks_px[[temple], :2]]).astype(np.float32))
    return lines, lenses

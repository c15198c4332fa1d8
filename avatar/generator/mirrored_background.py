"""What lies behind a person, guessed: what is beside and above them, as in mirrors along their edge.

A head that moves uncovers a hand's breadth of it. Filled smoothly alone, that is a haze with an edge in any background
that has something in it. Mirrors stand upright at the person's sides and level above them, for what is straight in a
room is mostly level or upright too, and stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.types import F32, U8

COARSER: Final = 4
"""Pixels between places for which it is found out what mirrors show: a mirror need not stand more exactly."""
AS_SEEN: Final = 3.0
"""So deep, in margins, mirrors show all there is; twice as deep nothing."""
EVEN: Final = 0.35
"""Of a blurred person, what counts as inside: locks and fingers would put a mirror each."""
FAR_AWAY: Final = 1e4
"""Where there is no mirror on this side, pixels."""
LEAST: Final = 1e-6
"""Sum of weights below which no mirror shows a place."""


def mirrored(detail: F32, hidden: U8, margin_px: int) -> F32:
    """Return what mirrors show of a background's detail where it is hidden, the nearer they are the more.

    Args:
        detail: (height, width, 3), about 0.
        hidden: (height, width), 1 where the background is not known, 0 elsewhere.
        margin_px: how finely the person's edge is followed.
    """
    height, width = hidden.shape
    shown = np.zeros_like(detail)
    small = cv2.resize(
        hidden * 255, (max(width // COARSER, 1), max(height // COARSER, 1)), interpolation=cv2.INTER_AREA
    )
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    for mirror in _mirrors((small > 0).astype(np.uint8), max(margin_px // COARSER, 1)):
        away = cv2.resize(mirror.away, (width, height)) * np.float32(2 * COARSER)
        at_x, at_y = (np.asarray(at + way * away, np.float32) for at, way in zip((x, y), mirror.way, strict=True))
        seen = cv2.remap(detail, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shown += cv2.resize(mirror.share, (width, height))[..., None] * seen
    return shown


@dataclass(frozen=True, slots=True)
class _Mirror:
    """One mirror, every `COARSER` pixels of a picture."""

    way: tuple[int, int]
    """(x, y), where it is from places before it."""
    away: F32
    """(height, width), how far."""
    share: F32
    """(height, width), 0..1, of what it shows."""


def _mirrors(hidden: U8, margin_px: int) -> list[_Mirror]:
    """Return the mirrors on the left, on the right and above a person."""
    blurred = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), margin_px)
    even = ((blurred > EVEN) | (hidden > 0)).astype(np.uint8)
    if not even.any():
        return []
    height, width = even.shape
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    clear = _softened(1.0 - even, 2 * margin_px)
    found: list[tuple[tuple[int, int], F32, F32]] = []
    clearest = np.zeros((height, width), np.float32)
    for way, away in zip(((-1, 0), (1, 0), (0, -1)), _to_mirrors(even, margin_px), strict=True):
        at_x, at_y = (np.asarray(at + 2 * step * away, np.float32) for at, step in zip((x, y), way, strict=True))
        valid = cv2.remap(clear, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        clearest = np.maximum(clearest, valid)
        found.append((way, away, valid / (1 + COARSER * away) ** 2))
    total = np.sum([weight for _, _, weight in found], axis=0)
    depth = cv2.distanceTransform(even, cv2.DIST_L2, cv2.DIST_MASK_5)
    # At the edge itself what was filled smoothly has the edge's own detail, and any glow that people leave beside them.
    within = np.clip(np.minimum(depth / margin_px, 2 - depth / (AS_SEEN * margin_px)), 0, 1)
    share = even * within * _softened(clearest, margin_px) / np.maximum(total, LEAST)
    return [_Mirror(way, away, np.asarray(share * weight, np.float32)) for way, away, weight in found]


def _to_mirrors(even: U8, margin_px: int) -> tuple[F32, F32, F32]:
    """Return how far each place is from the mirrors on its left, on its right and above, 0 in front of them."""
    height, width = even.shape
    left, right = (
        # From row to row they stand in line, or what they show would be frayed.
        cv2.GaussianBlur(away, (0, 0), sigmaX=0.1, sigmaY=margin_px)
        for away in (_since_clear(even), _since_clear(even[:, ::-1])[:, ::-1])
    )
    first = int(np.flatnonzero(even.any(axis=1))[0])
    rows = (
        np.maximum(np.arange(height, dtype=np.float32) - first, 0) if first else np.full(height, FAR_AWAY, np.float32)
    )
    return np.asarray(left), np.asarray(right), np.repeat(rows[:, None], width, axis=1)


def _since_clear(even: U8) -> F32:
    """Return how many pixels each lies to the right of the last that is 0 in its row."""
    at = np.arange(even.shape[1])
    last = np.maximum.accumulate(np.where(even == 0, at, -FAR_AWAY), axis=1)
    return np.ascontiguousarray(np.minimum(at - last, FAR_AWAY), np.float32)


def _softened(clear: NDArray[np.floating], margin_px: int) -> F32:
    """Return where all around is 1, 0..1, rising from 0 over a margin."""
    side = margin_px | 1
    inner = cv2.erode(clear.astype(np.float32), np.ones((side, side), np.uint8))
    return np.asarray(cv2.blur(inner, (side, side)), np.float32)

"""An avatar's portraits side by side, each with what it adds: to see at a glance what a clip gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from avatar.generator.face_search import face_size
from avatar.generator.identity import Identity, Portrait
from avatar.types import U8

SIDE: Final = 256
LABEL_PX: Final = 28
COLUMNS: Final = 4
AROUND: Final = 0.75
"""Half the side of what is shown of each portrait, in face heights."""


def portrait_sheet(identity: Identity, labels: Sequence[str]) -> U8:
    """Return the sheet (height, width, 3) RGB; `labels` has one text per portrait."""
    tiles = [_tile(portrait, label) for portrait, label in zip(identity.portraits, labels, strict=True)]
    columns = min(COLUMNS, len(tiles))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[start : start + columns], axis=1) for start in range(0, len(tiles), columns)]
    return np.concatenate(rows, axis=0)


def _tile(portrait: Portrait, label: str) -> U8:
    half = AROUND * face_size(portrait.landmarks_px)
    points = portrait.landmarks_px[:, :2]
    x, y = ((points.min(axis=0) + points.max(axis=0)) / 2).tolist()
    scale = SIDE / (2 * half)
    place = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]], np.float32)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face = cv2.warpAffine(portrait.rgb, place, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    tile = np.full((SIDE + LABEL_PX, SIDE, 3), 255, np.uint8)
    tile[:SIDE] = face
    width = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    size = 0.45 * min(1.0, (SIDE - 8) / max(width, 1))
    cv2.putText(tile, label, (4, SIDE + 19), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)
    return tile

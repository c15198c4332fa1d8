"""Contact sheets of a training run, to be looked at: a number can improve while the teeth get worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from avatar.generator.network_input import REGIONS
from avatar.generator.tuning.pairs import PairBatch
from avatar.types import F32, U8

COLUMNS: Final = ("photo", "real", "geometry tier", "network", "mask")
BLOCK: Final = 2
"""Frames of each person side by side, those with the widest mouth."""


def draw_sheet(batches: Sequence[PairBatch], made: Sequence[U8], masks: Sequence[F32]) -> U8:
    """Return the sheet (height, width, 3): a row per person, for each frame what `COLUMNS` says.

    `made` are (B, S, S, 3) pictures and `masks` (B, S, S) blending masks in 0..1, one array per batch.
    """
    rows = []
    for batch, pictures, shares in zip(batches, made, masks, strict=True):
        opening = batch.regions[..., REGIONS.index("mouth")].astype(np.float32).sum(axis=(1, 2))
        row = []
        for index in np.argsort(-opening, kind="stable")[:BLOCK].tolist():
            share = np.repeat(np.rint(shares[index][..., None] * 255).astype(np.uint8), 3, axis=2)
            row += [batch.references[0], batch.target[index], batch.moved[index], pictures[index], share]
        rows.append(np.concatenate(row, axis=1))
    sheet = np.concatenate(rows, axis=0)
    heading = np.full((24, sheet.shape[1], 3), 255, np.uint8)
    size = batches[0].target.shape[1]
    for place in range(sheet.shape[1] // size):
        label = COLUMNS[place % len(COLUMNS)]
        cv2.putText(heading, label, (place * size + 6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([heading, sheet], axis=0)


def write_sheet(sheet: U8, path: Path) -> None:
    """Write a sheet as JPEG, whole or not at all."""
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise ValueError(f"A sheet of shape {sheet.shape} cannot be encoded.")
    part = path.with_suffix(".part")
    part.write_bytes(encoded.tobytes())
    part.replace(path)

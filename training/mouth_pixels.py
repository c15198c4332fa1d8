"""Pixels of real open mouths, with what the renderer knows of each: what `training.fit_mouth` learns from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.face.pose import fit_pose
from avatar.generator.mouth_shade import cell_blur, mouth_shape, place_features, resting_mouth
from avatar.generator.network_input import REGIONS, CropWarp, region_masks
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import ClipFrame, clip_frame, spread_expressions
from avatar.types import BLENDSHAPE_INDEX, F32, U8

PHOTOS: Final = 3
"""Of each clip: the calmest frame, and two that show something else."""
TARGETS: Final = 30
"""Frames of each clip that each photo is moved to: those whose mouths are open widest, and others evenly."""
PIXELS: Final = 120
"""Of each of them."""
FEWEST_PIXELS: Final = 60


@dataclass(frozen=True, slots=True)
class MouthPixels:
    """n pixels inside mouths, by photo and frame."""

    features: F32
    """(n, FEATURES), `mouth_shade.place_features`."""
    light: F32
    """(n, 3), the photo's skin, levels of 255."""
    moved: U8
    """(n, 3), what the moved photo shows there."""
    drawn: U8
    """(n, 3), what drawn teeth and cavity show there: what is to be beaten."""
    real: U8
    """(n, 3)."""
    clip: NDArray[np.int64]
    """(n,), which of the clips."""


def gather(clips: Sequence[PackedClip], *, seed: int) -> MouthPixels:
    """Return pixels of every clip whose mouth opens."""
    rng = np.random.default_rng(seed)
    rows = [row for number, clip in enumerate(clips) for row in _of_clip(clip, number, rng)]
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return MouthPixels(*columns)


def _of_clip(clip: PackedClip, number: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
    opening = clip.tracks.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]]
    widest = np.argsort(-opening, kind="stable")[: TARGETS // 2].tolist()
    evenly = np.linspace(0, len(opening) - 1, TARGETS - TARGETS // 2).round().astype(int).tolist()
    for photo in spread_expressions(clip.tracks.blendshapes, PHOTOS):
        resting = clip_frame(clip, photo)
        for target in sorted({*widest, *evenly} - {photo}):
            frame = clip_frame(clip, target)
            if (found := _of_frame(resting, frame, rng)) is not None:
                yield *found, np.full(len(found[0]), number, np.int64)


def _of_frame(photo: ClipFrame, frame: ClipFrame, rng: np.random.Generator) -> tuple[np.ndarray, ...] | None:
    """Return features, light, moved, drawn and real of some pixels of a mouth, None where it is shut."""
    size = frame.rgb.shape[0]
    inside = region_masks(frame.landmarks, size)[REGIONS.index("mouth")] > 127
    if inside.sum() < FEWEST_PIXELS:
        return None
    warp = CropWarp(photo.rgb, photo.landmarks, photo.window)
    view = warp.view(frame.landmarks, frame.window)
    drawn = warp.with_mouth(view, frame.landmarks)
    resting = resting_mouth(photo.rgb, photo.landmarks, fit_pose(photo.landmarks))
    shape = mouth_shape(frame.landmarks, fit_pose(frame.landmarks), resting)
    rows, columns = np.nonzero(inside)
    chosen = rng.permutation(len(rows))[:PIXELS]
    rows, columns = rows[chosen], columns[chosen]
    to_front = np.linalg.inv(shape.to_picture[:, :2])
    places = (np.column_stack([columns, rows]) - shape.to_picture[:, 2]) @ to_front.T
    side = cell_blur(shape)
    soft = cv2.blur(view.rgb, (side, side))[rows, columns].astype(np.float32)
    return (
        place_features(places.astype(np.float32), soft, shape, resting),
        np.repeat(resting.light[None], len(rows), axis=0),
        view.rgb[rows, columns],
        drawn[rows, columns],
        frame.rgb[rows, columns],
    )

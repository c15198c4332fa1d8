"""Validation on held-out people: a slice of the training people that the network is not trained on.

The test split stays untouched, so that its numbers, taken once at the end, mean something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from avatar.generator.network_input import REGIONS
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import PairBatch, clip_frame, make_batch, spread_expressions
from avatar.types import BLENDSHAPE_INDEX, F32, U8

TARGETS: Final = 10
"""Frames measured per person: half of them with the mouth as far open as it gets, half spread over the clip."""
REFERENCES: Final = 4
FEWEST_PIXELS: Final = 25
"""A mouth or eye that covers fewer pixels is closed and not measured."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Means over people; ratios are the network's over the geometry tier's, below 1 is better."""

    mouth_l1_ratio: float
    eye_l1_ratio: float
    face_psnr_gain_db: float
    face_psnr_db: float
    mouth_sharpness: float
    """Laplacian energy inside the lips over the real frames' (geometric mean); 1 is as sharp as real."""

    @property
    def score(self) -> float:
        """What the best weights are chosen by: lower is better."""
        return self.mouth_l1_ratio + 0.5 * self.eye_l1_ratio - 0.05 * self.face_psnr_gain_db


def split_people(
    clips: Sequence[PackedClip], count: int, *, fold: int = 0, named: Sequence[str] = ()
) -> tuple[list[PackedClip], list[PackedClip]]:
    """Return (clips to train on, clips kept back): about `count` people, the same ones each time, or those named.

    Spread evenly over real people whose clips are sharp, so that what is measured is the network and not the footage.
    Each `fold` keeps back others, until all have been: one fold's people are a poor guide to strangers.
    """
    real = [clip for clip in clips if not clip.label.rendered]
    sharp = sorted({clip.label.person for clip in real if not clip.soft} or {clip.label.person for clip in real})
    apart = max(1, len(sharp) // count) if count else 1
    kept = set(named) or (set(sharp[fold % apart :: apart]) if count else set())
    return (
        [clip for clip in clips if clip.label.person not in kept],
        [clip for clip in clips if clip.label.person in kept],
    )


def measured_pairs(clips: Sequence[PackedClip], *, references: int) -> list[PairBatch]:
    """Return one batch per person: photos from the first half of their longest clip, targets from its second half."""
    longest: dict[str, PackedClip] = {}
    for clip in clips:
        known = longest.get(clip.label.person)
        if known is None or len(clip.rgb) > len(known.rgb):
            longest[clip.label.person] = clip
    batches = []
    for person in sorted(longest):
        clip = longest[person]
        half = len(clip.rgb) // 2
        opening = clip.tracks.blendshapes[half:, BLENDSHAPE_INDEX["jawOpen"]]
        widest = half + np.argsort(-opening, kind="stable")[: TARGETS // 2]
        spread = np.linspace(half, len(clip.rgb) - 1, TARGETS - TARGETS // 2).round().astype(int)
        targets = sorted({*widest.tolist(), *spread.tolist()})
        photos = spread_expressions(clip.tracks.blendshapes[:half], references)
        batches.append(make_batch([([clip_frame(clip, i) for i in photos], [clip_frame(clip, i) for i in targets])]))
    return batches


def measure(batches: Sequence[PairBatch], made: Sequence[U8]) -> Measures:
    """Compare pictures made, one (B, S, S, 3) array per batch, with the real ones and with the geometry tier's."""
    rows = [_measure_person(batch, pictures) for batch, pictures in zip(batches, made, strict=True)]
    table = np.array(rows)
    # A person whose mouth never opens in the clip has no mouth to measure.
    mouth, eyes, gain, psnr, sharpness = (float(np.nanmean(column)) for column in table.T)
    return Measures(mouth, eyes, gain, psnr, float(np.exp(sharpness)))


def _measure_person(batch: PairBatch, made: U8) -> tuple[float, float, float, float, float]:
    target = batch.target.astype(np.float32)
    by_network = np.abs(made.astype(np.float32) - target).mean(axis=3)
    by_warp = np.abs(batch.moved.astype(np.float32) - target).mean(axis=3)

    def open_frames(name: str) -> np.ndarray:
        inside = batch.regions[..., REGIONS.index(name)] > 127
        return np.asarray(inside & (inside.sum(axis=(1, 2), keepdims=True) >= FEWEST_PIXELS))

    def ratio(inside: np.ndarray) -> float:
        return float(by_network[inside].sum() / by_warp[inside].sum()) if inside.any() else float("nan")

    face = batch.regions[..., REGIONS.index("face")] > 127
    psnr = [_psnr(pictures, target, face) for pictures in (made, batch.moved)]
    mouth = open_frames("mouth")
    sharpness = _laplacian_energy(made, mouth) / max(_laplacian_energy(batch.target, mouth), 1e-6)
    return (
        ratio(mouth),
        ratio(open_frames("eyes")),
        psnr[0] - psnr[1],
        psnr[0],
        float(np.log(max(sharpness, 1e-6))) if mouth.any() else float("nan"),
    )


def _psnr(pictures: U8, target: F32, inside: np.ndarray) -> float:
    """Return the mean over pictures of the PSNR inside a mask (B, S, S), dB."""
    error = ((pictures.astype(np.float32) - target) ** 2).mean(axis=3)
    means = (error * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1)
    return float((10 * np.log10(255**2 / np.maximum(means, 1e-3))).mean())


def _laplacian_energy(pictures: U8, inside: np.ndarray) -> float:
    """Return the mean squared Laplacian of grey pictures inside a mask, its rim left out: lips are not teeth."""
    total, count = 0.0, 0
    for picture, mask in zip(pictures, inside, strict=True):
        inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
        total += float((edges[inner] ** 2).sum())
        count += int(inner.sum())
    return total / max(count, 1)

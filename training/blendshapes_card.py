"""The model card of the distilled blendshape network, written from what was learnt and measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from avatar.generator.tuning.face_tracks import Clip, Track
from avatar.types import BLENDSHAPES
from training.blendshapes_measures import GROUPS, Measures

FURTHEST: Final = 8
"""Coefficients that are named as those furthest from MediaPipe's."""


def blendshapes_card(tracks: Sequence[tuple[Clip, Track]], made: int, on_train: Measures, on_test: Measures) -> str:
    """Return the model card, Markdown."""
    train = [(clip, track) for clip, track in tracks if clip.split == "train"]
    test = [clip for clip, _ in tracks if clip.split == "test"]
    people, others = len({clip.person for clip, _ in train}), len({clip.person for clip in test})
    sources = Counter((clip.source, clip.licence) for clip, _ in train)
    source_lines = "\n".join(f"| {name} | {licence} | {count} |" for (name, licence), count in sorted(sources.items()))
    rows = [
        ("all, median", on_train.median, on_test.median),
        ("all, p95 (bar 0.02)", on_train.p95, on_test.p95),
        ("all, p99", on_train.p99, on_test.p99),
        ("all, the furthest", on_train.worst, on_test.worst),
        *((f"{group}, p95", on_train.p95_by_group[group], on_test.p95_by_group[group]) for group in GROUPS),
        *((f"{group}, p99", on_train.p99_by_group[group], on_test.p99_by_group[group]) for group in GROUPS),
        ("trembling from frame to frame, over MediaPipe's", on_train.trembling, on_test.trembling),
    ]
    measure_lines = "\n".join(f"| {name} | {first:.4f} | {second:.4f} |" for name, first, second in rows)
    order = np.argsort(-on_test.p95_by_coefficient)[:FURTHEST]
    furthest = "\n".join(
        f"| `{BLENDSHAPES[place]}` | {p95:.4f} | {p99:.4f} |"
        for place, p95, p99 in zip(
            order, on_test.p95_by_coefficient[order], on_test.p99_by_coefficient[order], strict=True
        )
    )
    return f"""# Distilled blendshapes

51 ARKit coefficients of 146 landmarks, as MediaPipe's blendshape network gives them, at a quarter of its cost in a call
(`avatar/perception/distilled_blendshapes.py`). It measures a face that is followed on OpenVINO; single pictures are
measured by MediaPipe's own network, and so is everything with `--tracker mediapipe`. Five layers: 292 numbers, 96
mixtures of them, 320, 320, 256, and 51 that see the mixtures, too; 262,000 weights of 16 bits.

## Recipe

`python -m training.distill_blendshapes`: learns what MediaPipe's network (in the model that `avatar/models/store.py`
names, Apache-2.0) answers to the landmarks of {sum(len(track.time_s) for _, track in train)} frames of
{len(train)} clips of {people} people (`split=train`) and to {made:,} made faces (`training/made_faces.py`):
one person's face with others' expressions, the expression basis at random, turned, stretched, near, trembling.

## Data

People in clips published as examples with these projects. The licence is that of the repository; who holds the rights
in the footage is often not stated. No picture of them was looked at by the network, only landmarks, and none is part of
the weights.

| source | licence | clips |
|---|---|---|
{source_lines}

## Measures

Absolute differences from MediaPipe's answers to the same landmarks, coefficients of 0 to 1: on {len(test)} clips of
{others} people outside the training split ({on_test.frames} frames), and for comparison on those inside it.

| | train | test |
|---|---|---|
{measure_lines}

The coefficients that are furthest away on the test clips:

| | p95 | p99 |
|---|---|---|
{furthest}

## Limits

- It knows what MediaPipe's network says, right or wrong: nothing of puffed cheeks or the tongue.
- Heads turned further than about 45 degrees, and faces unlike a person's, were hardly among its lessons.
"""

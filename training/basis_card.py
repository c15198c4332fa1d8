"""The model card of the face basis, written from what was fitted and measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from avatar.generator.tuning.face_tracks import Clip, Track
from avatar.types import BLENDSHAPES
from training.basis_measures import REGIONS, Measures

RARE = 0.02
"""A coefficient whose standard deviation in training clips is below this counts as hardly seen."""


def basis_card(
    tracks: Sequence[tuple[Clip, Track]], on_train: Measures, on_test: Measures, *, ridge: float, elsewhere: float
) -> str:
    """Return the model card, Markdown."""
    train = [(clip, track) for clip, track in tracks if clip.split == "train"]
    test = [(clip, track) for clip, track in tracks if clip.split == "test"]
    people, others = len({clip.person for clip, _ in train}), len({clip.person for clip, _ in test})
    frames = sum(len(track.time_s) for _, track in train)
    sources = Counter((clip.source, clip.licence) for clip, _ in train)
    spread = np.concatenate([track.blendshapes - track.blendshapes.mean(0) for _, track in train]).std(0)
    rare = [f"`{name}`" for name, value in zip(BLENDSHAPES, spread, strict=True) if value < RARE]
    source_lines = "\n".join(f"| {name} | {licence} | {count} |" for (name, licence), count in sorted(sources.items()))
    measure_lines = "\n".join(
        f"| variance explained, {name} | {on_train.explained[name]:.2f} | {on_test.explained[name]:.2f} |"
        for name in REGIONS
    )
    return f"""# Face basis

What moves where on a face: `mean` (478, 3), the mean head at rest, and `blendshapes` (52, 478, 3), how far each
landmark of MediaPipe's face mesh moves for one unit of each ARKit blendshape coefficient. Head units (1 = distance
between the outer eye corners), in the head's own frame: x to the picture's right, y down, z away from the camera,
origin = mean of the rigid landmarks (`avatar/face/pose.py`). Used for head pose (mean) and retargeting (basis).

## Recipe

`python -m training.fit_basis --clips DIR --manifest CSV`: MediaPipe's face landmarker (the model that
`avatar/models/store.py` names) over {len(train)} clips of {people} people ({frames} frames, `split=train`);
landmarks brought to the head frame by a scaled-orthographic Procrustes fit; each clip's mean taken off; ridge
regression of landmarks on coefficients (penalty {ridge}, up to {elsewhere:.0f} times that on the other half of the
face, more for those that stir little), every frame also in the mirror, so the basis is symmetric. The mean head is the
generalised Procrustes mean over people, each at rest, that is with the expression the basis sees taken off. No
randomness.

## Data

People in clips published as examples with these projects. The licence is that of the repository; who holds the rights
in the footage is often not stated. No picture of them is part of the weights, only averages over all of them.

| source | licence | clips |
|---|---|---|
{source_lines}

## Measures

Measured on {len(test)} clips ({others} people) outside the training split; left, for comparison, on the training clips.

| | train | test |
|---|---|---|
{measure_lines}
| mouth opening, share of the measured one | {on_train.mouth_gain:.2f} | {on_test.mouth_gain:.2f} |
| lid opening, share of the measured one | {on_train.lid_gain:.2f} | {on_test.lid_gain:.2f} |

## Limits

- Linear: corners of the mouth that part and stretch at once, and the roll of the lips, are only approximated. A camera
  therefore sends what the basis misses along as a residual (`Motion.residual`).
- Hardly seen in the training clips, and so of small effect here: {", ".join(rare)}.
- Coefficients are MediaPipe's estimate. Where it is blind (puffed cheeks, the tongue), so is the basis.
- {people} people are few; ages, faces and ways to speak are not evenly covered.
"""

"""How often each person, clip and frame is drawn in training: people alike, dark mouths as often as bright ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.generator.tuning.mouth_light import DARK, mouth_lights
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.types import BLENDSHAPE_INDEX

OPEN_SHARE: Final = 0.5
"""Share of the targets drawn by how far the mouth is open: most frames of most clips show it closed."""
RENDERED_SHARE: Final = 0.2
"""Share of what is drawn that shows rendered people, where there are any: they teach shapes, real people textures."""
MOST_OFTEN: Final = 6.0
"""A kind of mouth that is rare is drawn so many times as often as its frames alone would have it, no more."""
ROUNDS: Final = 20

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClipOdds:
    """One clip and the odds of what is drawn of it."""

    clip: PackedClip
    share: float
    """Of its person."""
    targets: F64
    """(n,), of its frames as targets; they sum to 1."""


def person_odds(people: Sequence[Sequence[PackedClip]]) -> F64:
    """Return (n,) odds of n people, each given by their clips: real ones alike, rendered ones `RENDERED_SHARE`."""
    odds = np.ones(len(people))
    rendered = np.array([clips[0].label.rendered for clips in people])
    if rendered.any() and not rendered.all():
        odds[rendered] = RENDERED_SHARE / (1 - RENDERED_SHARE) * (~rendered).sum() / rendered.sum()
    return np.asarray(odds / odds.sum(), np.float64)


def clip_odds(people: Sequence[Sequence[PackedClip]]) -> list[list[ClipOdds]]:
    """Return what is drawn of each person: dark and bright open mouths equally often over all people together."""
    weighed = person_odds(people)
    shares = [np.array([len(clip.rgb) for clip in clips]) / sum(len(clip.rgb) for clip in clips) for clips in people]
    lights = [[mouth_lights(clip) for clip in clips] for clips in people]
    openings = [[clip.tracks.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]] + 0.02 for clip in clips] for clips in people]
    dark_weight = 1.0
    for _ in range(ROUNDS):
        dark = bright = 0.0
        for person, clip_shares, clip_lights, clip_openings in zip(weighed, shares, lights, openings, strict=True):
            for share, light, opening in zip(clip_shares, clip_lights, clip_openings, strict=True):
                odds = _by_opening(opening, light, dark_weight)
                dark += person * share * odds[light < DARK].sum()
                bright += person * share * odds[light >= DARK].sum()
        if dark <= 0 or bright <= 0:
            break
        dark_weight = float(np.clip(dark_weight * np.sqrt(bright / dark), 1 / MOST_OFTEN, MOST_OFTEN))
    return [
        [
            ClipOdds(
                clip,
                float(share),
                OPEN_SHARE * _by_opening(opening, light, dark_weight) + (1 - OPEN_SHARE) / len(light),
            )
            for clip, share, light, opening in zip(clips, clip_shares, clip_lights, clip_openings, strict=True)
        ]
        for clips, clip_shares, clip_lights, clip_openings in zip(people, shares, lights, openings, strict=True)
    ]


def _by_opening(opening: NDArray[np.floating], light: NDArray[np.floating], dark_weight: float) -> F64:
    """Return (n,) odds of a clip's frames by how far the mouth is open, dark ones so much more often."""
    odds = opening * np.where(light < DARK, dark_weight, 1.0)
    return np.asarray(odds / odds.sum(), np.float64)

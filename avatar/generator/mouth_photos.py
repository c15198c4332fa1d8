"""Which of a person's photos show in a frame's mouth, and how much of it each has.

The photo, of several the best two, is mixed with the network's mouth: guesses that err apart. How much each counts is
known from its outline, from whether it shows as much of a mouth as is wanted, and from the head's turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar.generator.references import LOYALTY, FaceOutline, outline_distance

BEST: Final = 1.1
"""Logarithm of how much a photo with exactly the wanted mouth counts, where the network's mouth counts 1."""
ALONE: Final = 0.5
"""The same of a person's only photo, which no other was chosen against."""
OUTLINE, LESS_OPEN, TURN = 14.0, 1.4, 2.0
"""What that falls by per head unit of outlines apart, per e-fold that the photo's mouth is less open, and per radian of
another turn to the side or up. Chosen with `BEST` on 17 clips of 15 people and checked on 16 of 15 others
(`split=train`; `models/face_network_lite.md`); values around them do as well."""
LEAST_SECOND: Final = 0.1
"""Share of the mouth below which a second photo is not worth moving; it comes in from there on, whole at twice that."""
SHADE_STRENGTH: Final = 0.5
"""How much of a mouth is `mouth_shade`'s where the photos' own pixels say nothing: two guesses that err apart."""
SHUT: Final = 0.004
"""Head units: lips no further apart are shut."""


@dataclass(frozen=True, slots=True)
class MouthPhotos:
    """The photos that show in one frame's mouth."""

    first: int
    second: int
    """Which photos, the better one first; the same where one alone shows."""
    second_part: float
    """How much of the photos' part is the second's, 0..1."""
    share: float
    """How much of the network's pixels give way to theirs, 0..1."""
    guessed: float
    """How much of the mouth neither shows, 0..1."""


def mouth_photos(wanted: FaceOutline, photos: Sequence[FaceOutline], kept: MouthPhotos | None = None) -> MouthPhotos:
    """Return which of some photos show in the wanted mouth.

    `kept` are those of the frame before: they give way only to one that is clearly better.
    """
    most = BEST if len(photos) > 1 else ALONE
    log_odds = [most - _lacking(wanted, photo) for photo in photos]
    last = () if kept is None else (kept.first, kept.second)
    loyal = [most + (odd - most) * (LOYALTY if number in last else 1) for number, odd in enumerate(log_odds)]
    best, *others = sorted(np.argsort(loyal)[-2:].tolist(), key=lambda number: -log_odds[number])
    other = others[0] if others else best
    better, worse = math.exp(log_odds[best]), math.exp(log_odds[other]) if others else 0.0
    worse *= min(max(worse / (1 + better + worse) / LEAST_SECOND - 1, 0.0), 1.0)
    shown = (better + worse) / (1 + better + worse)
    guessed = 1 - shown
    # The shade is laid over the whole mouth later, photos and all: they are given so much more before.
    share = shown / (1 - SHADE_STRENGTH * guessed)
    return MouthPhotos(best, other if worse else best, worse / (better + worse), share, guessed)


def _lacking(wanted: FaceOutline, photo: FaceOutline) -> float:
    """Return how much less a photo counts than one with the wanted mouth, as the logarithm of a ratio."""
    apart = math.sqrt(outline_distance(wanted, photo, "mouth"))
    less_open = math.log(max(wanted.mouth_opening, SHUT) / max(photo.mouth_opening, SHUT))
    turn = math.hypot(*(wanted.rotation - photo.rotation)[:2].tolist())
    return OUTLINE * apart + LESS_OPEN * max(less_open, 0.0) + TURN * turn

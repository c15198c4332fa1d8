"""People in clips as the live check of consent sees them: a photo, and who is looked at later."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from avatar.errors import AvatarError
from avatar.generator.identity import Portrait
from avatar.media.video import clip_frames
from avatar.perception.landmarker_choice import Landmarker
from avatar.trust.likeness import Likeness
from avatar.trust.live_check import ASKED, SMALLEST_PX, TRIES, Sighting
from avatar.trust.live_gestures import Posture
from avatar.types import F32, U8
from benchmarks import media

STEP_S: Final = 0.11
"""Between two pictures, about as a page sends them."""
CLIP_S: Final = 9.0
LOOKS: Final = ASKED + 1


@dataclass(frozen=True, slots=True)
class Person:
    """What a clip shows of one person."""

    name: str
    group: str
    """Who it is."""
    seen: tuple[Sighting, ...]
    still: Portrait
    """The frame that stands for their photo, of the first half."""
    photo: F32
    """(128,), its numbers."""
    later: tuple[F32, ...]
    """The numbers of frames at rest in the second half."""


def people_of(split: str, most: int, landmarker: Landmarker, likeness: Likeness) -> Iterator[Person]:
    """Yield who can be measured with in at most so many clips of a split, and say who cannot."""
    manifest = media.SHARED / "MANIFEST.csv"
    if not manifest.exists():
        raise SystemExit("There are no people to measure with on this machine.")
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["kind"], row["split"]) == ("video", split)]
    for row in rows[:most]:
        try:
            person = _person(media.SHARED / row["file"], row["identity_group"], landmarker, likeness)
        except AvatarError as error:
            print(f"left out: {row['file']}: {error}", flush=True)
            continue
        print(f"{row['file']}: {'left out: never at rest' if person is None else len(person.seen)}", flush=True)
        if person is not None:
            yield person


def _person(path: Path, group: str, landmarker: Landmarker, likeness: Likeness) -> Person | None:
    """Return what a clip shows; None where nobody is at rest in one of its halves."""
    shown: list[tuple[Sighting, U8]] = []
    next_s = 0.0
    for time_s, rgb in clip_frames(path, until_s=CLIP_S):
        if time_s >= next_s:
            next_s = time_s + STEP_S - 0.02
            shown.append((sighting_of(rgb, time_s, landmarker), rgb))
    resting = [index for index, (sighting, _) in enumerate(shown) if _rests(sighting)]
    first = [index for index in resting if index < len(shown) // 2]
    later = [index for index in resting if index >= len(shown) // 2]
    if not first or not later:
        return None
    picks = np.unique(np.linspace(0, len(later) - 1, LOOKS * TRIES).astype(int))
    numbers = {index: embed(likeness, *shown[index]) for index in (first[0], *(later[pick] for pick in picks))}
    sighting, rgb = shown[first[0]]
    assert sighting.landmarks_px is not None and sighting.blendshapes is not None
    return Person(
        path.stem,
        group,
        tuple(sighting for sighting, _ in shown),
        Portrait(rgb, sighting.landmarks_px, sighting.blendshapes),
        numbers[first[0]],
        tuple(numbers[later[pick]] for pick in picks),
    )


def sighting_of(rgb: U8, time_s: float, landmarker: Landmarker) -> Sighting:
    """Return what the check is told of a picture."""
    faces = landmarker.detect(rgb, time_s)
    seen = Sighting(time_s, len(faces), (rgb.shape[1], rgb.shape[0]))
    return seen if len(faces) != 1 else replace(
        seen, landmarks_px=faces[0].landmarks_px, blendshapes=faces[0].blendshapes
    )  # fmt: skip


def _rests(seen: Sighting) -> bool:
    if seen.landmarks_px is None or seen.blendshapes is None or np.ptp(seen.landmarks_px[:, 0]) < SMALLEST_PX:
        return False
    return Posture.of(seen.landmarks_px, seen.blendshapes).at_rest


def embed(likeness: Likeness, seen: Sighting, rgb: U8) -> F32:
    """Return the numbers (128,) by which the one face of a picture is known."""
    assert seen.landmarks_px is not None
    return likeness.embed(rgb, seen.landmarks_px)

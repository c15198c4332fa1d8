"""Training pairs: one person's photo, moved by the geometry, beside the frame of the clip it should become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.face.pose import fit_pose, mean_head, rotation_vector
from avatar.generator.framing import Window
from avatar.generator.network_input import REGIONS, CropWarp, condition, region_masks, sampling_grid, with_eyes_of
from avatar.generator.references import FaceOutline, face_outline, nearest_reference
from avatar.generator.tuning.augmentation import random_lighting
from avatar.generator.tuning.fair_odds import clip_odds, person_odds
from avatar.generator.tuning.mirror import mirrored_blendshapes, mirrored_landmarks
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.types import F32, U8

TARGETS: Final = 4
"""Frames examples of one photo before another is taken: preparing a photo costs more than moving it."""
MOST_REFERENCES: Final = 4
CHOSEN_AMONG: Final = 8
"""Frames of which a person's photos are chosen."""
ONE_PHOTO_SHARE: Final = 0.4
JITTER_PX: Final = 0.35
"""Landmarks of a clip are steady to about a pixel only; the network is not to take them at their word."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame of a clip as training sees it."""

    rgb: U8
    """(S, S, 3)."""
    landmarks: F32
    """(478, 3), crop pixels."""
    blendshapes: F32
    """(52,)."""
    window: Window


@dataclass(frozen=True, slots=True)
class PairBatch:
    """B pictures to be made of R photos."""

    moved: U8
    """(B, S, S, 3): each photo, moved, its mouth drawn: the geometry tier's answer."""
    lead_moved: U8
    """(B, S, S, 3): the photo with the nearest mouth, moved, its openings stretched as they are, with the eyes of the
    photo with the nearest eyes."""
    regions: U8
    """(B, S, S, 5), `network_input.REGIONS` of the target."""
    grid: F32
    """(B, S/4, S/4, 2): where in the photo with the nearest mouth each place comes from."""
    condition: F32
    """(B, 55)."""
    references: U8
    """(R, S, S, 3): the photos' crops."""
    photo: NDArray[np.int64]
    """(R,): which of their person's photos each of them is."""
    lead: NDArray[np.int64]
    """(B,): which of the references has the nearest mouth."""
    target: U8
    """(B, S, S, 3): the frame as it was."""
    sharp: NDArray[np.bool_]
    """(B,): whether the frame's footage is fine enough to teach sharpness."""


def clip_frame(clip: PackedClip, index: int) -> ClipFrame:
    """Return one frame of a clip."""
    tracks = clip.tracks
    scale, left, top = tracks.windows[index].tolist()
    return ClipFrame(clip.rgb[index], tracks.landmarks[index], tracks.blendshapes[index], Window(scale, left, top))


def mirrored(frame: ClipFrame) -> ClipFrame:
    """Return a frame as the mirror shows it."""
    size = frame.rgb.shape[1]
    landmarks = frame.landmarks[_landmark_partners()].copy()
    landmarks[:, 0] = size - 1 - landmarks[:, 0]
    # The clip is mirrored about its left edge: only where frames lie to each other matters.
    left = -frame.window.left - (size - 1) / frame.window.scale
    return ClipFrame(
        np.ascontiguousarray(frame.rgb[:, ::-1]),
        landmarks,
        frame.blendshapes[mirrored_blendshapes()],
        Window(frame.window.scale, left, frame.window.top),
    )


def _outline(frame: ClipFrame) -> FaceOutline:
    return face_outline(frame.landmarks, fit_pose(frame.landmarks))


def make_batch(
    examples: Sequence[tuple[Sequence[ClipFrame], Sequence[ClipFrame]]], soft: Sequence[bool] | None = None
) -> PairBatch:
    """Return the batch of several (photos, targets): the first photo is moved, any may be a reference.

    `soft` says of each of them whether its footage is too coarse to teach sharpness; None: of none.
    """
    pictures: list[tuple[U8, U8, U8, F32, F32, int, U8]] = []
    references: list[U8] = []
    numbers: list[int] = []
    for photos, targets in examples:
        outlines = [_outline(photo) for photo in photos]
        mouths = [nearest_reference(_outline(wanted), outlines, "mouth") for wanted in targets]
        eyes = [nearest_reference(_outline(wanted), outlines, "eyes") for wanted in targets]
        # Photos that no target refers to are left out: to prepare one costs as much as to move it three times.
        used = sorted({0, *mouths, *eyes})
        warps = {k: CropWarp(photos[k].rgb, photos[k].landmarks, photos[k].window) for k in used}
        rest = fit_pose(photos[0].landmarks).rotation
        for wanted, mouth, eye in zip(targets, mouths, eyes, strict=True):
            views = {k: warps[k].view(wanted.landmarks, wanted.window) for k in {0, mouth, eye}}
            turn = rotation_vector(np.asarray(fit_pose(wanted.landmarks).rotation @ rest.T, np.float32))
            size = wanted.rgb.shape[0]
            masks = region_masks(wanted.landmarks, size)
            nearest = views[mouth].rgb
            pictures.append(
                (
                    warps[0].with_mouth(views[0], wanted.landmarks),
                    nearest if eye == mouth else with_eyes_of(nearest, views[eye].rgb, masks[REGIONS.index("eyes")]),
                    np.moveaxis(masks, 0, -1),
                    sampling_grid(views[mouth].places, size // 4),
                    condition(wanted.blendshapes, turn),
                    len(references) + used.index(mouth),
                    wanted.rgb,
                )
            )
        references += [photos[k].rgb for k in used]
        numbers += used
    moved, lead_moved, regions, grid, steering, leads, truth = zip(*pictures, strict=True)
    return PairBatch(
        moved=np.stack(moved),
        lead_moved=np.stack(lead_moved),
        regions=np.stack(regions),
        grid=np.stack(grid),
        condition=np.stack(steering),
        references=np.stack(references),
        photo=np.array(numbers, np.int64),
        lead=np.array(leads, np.int64),
        target=np.stack(truth),
        sharp=~np.repeat([False] * len(examples) if soft is None else soft, [len(wanted) for _, wanted in examples]),
    )


def spread_expressions(blendshapes: F32, count: int) -> list[int]:
    """Return `count` frames of (n, 52): the calmest first, then each time the one least like those chosen."""
    chosen = [int(np.argmin(blendshapes.sum(axis=1)))]
    while len(chosen) < min(count, len(blendshapes)):
        gaps = np.linalg.norm(blendshapes[:, None] - blendshapes[None, chosen], axis=2).min(axis=1)
        chosen.append(int(np.argmax(gaps)))
    return chosen


class PairBatches:
    """Endless batches, numbered: batch n is the same whenever and wherever it is examples for."""

    def __init__(self, clips: Sequence[PackedClip], *, batch: int, seed: int) -> None:
        """Draw from clips; `batch` pictures at a time, a multiple of 4."""
        people: dict[str, list[PackedClip]] = {}
        for clip in clips:
            people.setdefault(clip.label.person, []).append(clip)
        by_person = [people[name] for name in sorted(people)]
        self._odds, self._people = person_odds(by_person), clip_odds(by_person)
        self._groups, self._seed = batch // TARGETS, seed

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, step: int) -> PairBatch:
        """Return batch number `step`."""
        rng = np.random.default_rng([self._seed, step])
        drawn = [self._draw(rng) for _ in range(self._groups)]
        return make_batch([(photos, targets) for photos, targets, _ in drawn], [soft for *_, soft in drawn])

    def _draw(self, rng: np.random.Generator) -> tuple[list[ClipFrame], list[ClipFrame], bool]:
        """Return one person's photos and targets, augmented alike, and whether they are soft."""
        clips = self._people[rng.choice(len(self._people), p=self._odds)]
        chosen_clip = clips[rng.choice(len(clips), p=[odds.share for odds in clips])]
        clip = chosen_clip.clip
        count = len(clip.tracks.time_s)
        photos = 1 if rng.random() < ONE_PHOTO_SHARE else int(rng.integers(2, MOST_REFERENCES + 1))
        # As people choose photos: a calm one first, and further ones that show something else.
        seen = rng.integers(count, size=CHOSEN_AMONG)
        first = spread_expressions(clip.tracks.blendshapes[seen], photos)
        chosen = [*seen[first], *rng.choice(count, size=TARGETS, p=chosen_clip.targets)]
        lighting = random_lighting(rng, clip.rgb.shape[1])
        flip = rng.random() < 0.5
        drawn = []
        for index in chosen:
            frame = clip_frame(clip, int(index))
            frame = mirrored(frame) if flip else frame
            lit = lighting.of(frame.rgb, frame.landmarks)
            drawn.append(ClipFrame(lit, _jittered(frame.landmarks, rng), frame.blendshapes, frame.window))
        return drawn[:photos], drawn[photos:], clip.soft


def _jittered(landmarks: F32, rng: np.random.Generator) -> F32:
    """Return landmarks a little off, the mesh as a whole more than its points to each other."""
    noise = rng.normal(0, JITTER_PX, (1, 2)) + rng.normal(0, JITTER_PX / 3, (len(landmarks), 2))
    moved = landmarks.copy()
    moved[:, :2] += noise.astype(np.float32)
    return moved


@cache
def _landmark_partners() -> NDArray[np.intp]:
    return mirrored_landmarks(mean_head())

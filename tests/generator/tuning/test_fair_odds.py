"""What is drawn how often: people alike, dark mouths like bright ones; and other teeth in the mouth alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.network_input import REGIONS, region_masks
from avatar.generator.tuning.augmentation import random_lighting
from avatar.generator.tuning.fair_odds import RENDERED_SHARE, clip_odds, person_odds
from avatar.generator.tuning.mouth_light import mouth_light, mouth_lights
from avatar.generator.tuning.packed_clips import RENDERED, PackedClip
from avatar.types import U8


def with_mouths(clip: PackedClip, levels: list[int]) -> PackedClip:
    """Return a clip whose mouths are filled with these grey levels, frame by frame, over and over."""
    painted = clip.rgb.copy()
    for index, (picture, landmarks) in enumerate(zip(painted, clip.tracks.landmarks, strict=True)):
        picture[region_masks(landmarks)[REGIONS.index("mouth")] > 0] = levels[index % len(levels)]
    return replace(clip, rgb=painted)


def widest(clip: PackedClip) -> int:
    return int(clip.tracks.blendshapes.sum(axis=1).argmax())


def test_a_mouth_is_as_bright_as_it_is_beside_its_skin(packed_clips: list[PackedClip]) -> None:
    clip = packed_clips[0]
    dark, bright, index = with_mouths(clip, [10]), with_mouths(clip, [200]), widest(clip)
    landmarks = clip.tracks.landmarks[index]
    by_day = mouth_light(bright.rgb[index], landmarks)
    assert mouth_light(dark.rgb[index], landmarks) < 0.2
    assert by_day > 0.8
    by_night: U8 = bright.rgb[index] // 2
    assert mouth_light(by_night, landmarks) == pytest.approx(by_day, abs=0.03)
    shut = landmarks.copy()
    shut[list(mesh.MOUTH_OPENING), 1] = landmarks[list(mesh.MOUTH_OPENING), 1].mean()
    assert np.isnan(mouth_light(clip.rgb[index], shut))


def test_people_come_up_alike_however_long_their_clips_are(packed_clips: list[PackedClip]) -> None:
    anna, ben, cleo = packed_clips
    assert person_odds([[anna, anna, anna], [ben]]).tolist() == [0.5, 0.5]
    drawn = replace(cleo, label=replace(cleo.label, source=RENDERED))
    assert person_odds([[anna], [ben], [drawn]])[2] == pytest.approx(RENDERED_SHARE)


def test_dark_mouths_are_asked_for_as_often_as_bright_ones(packed_clips: list[PackedClip]) -> None:
    people = [[with_mouths(packed_clips[0], [200, 200, 200, 10])], [with_mouths(packed_clips[1], [200])]]
    dark = bright = 0.0
    for share, clips in zip(person_odds(people), clip_odds(people), strict=True):
        for odds in clips:
            light = mouth_lights(odds.clip)
            assert odds.targets.sum() == pytest.approx(1)
            dark += share * odds.targets[light < 0.3].sum()
            bright += share * odds.targets[light > 0.6].sum()
    assert dark > 0.25 * bright, "by its frames alone a dark mouth would come up a seventh as often"


def test_photo_and_target_get_the_same_teeth_and_lips_stay(packed_clips: list[PackedClip]) -> None:
    clip, index = packed_clips[0], widest(packed_clips[0])
    landmarks = clip.tracks.landmarks[index]
    lighting = replace(random_lighting(np.random.default_rng(1), 256), mouth=1.0)
    whiter = replace(lighting, mouth=1.3)
    plain, changed = lighting.of(clip.rgb[index], landmarks), whiter.of(clip.rgb[index], landmarks)
    mouth = region_masks(landmarks)[REGIONS.index("mouth")] > 0
    differs = np.abs(plain.astype(int) - changed).max(axis=2) > 0
    rows, columns = np.nonzero(mouth)
    assert differs[mouth].mean() > 0.7
    differs[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4] = False
    assert not differs.any()


def test_a_clip_of_a_small_face_is_soft(packed_clips: list[PackedClip]) -> None:
    clip = packed_clips[0]
    scale = np.array([clip.face_px / 150, 1, 1], np.float32)
    small = replace(clip, tracks=replace(clip.tracks, windows=clip.tracks.windows * scale))
    assert small.soft and small.face_px == pytest.approx(150, rel=0.01)
    large = replace(clip, tracks=replace(clip.tracks, windows=clip.tracks.windows * scale * np.float32(150 / 250)))
    assert not large.soft

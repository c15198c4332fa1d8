"""What the network is shown: the photo moved to the frame's landmarks, augmented alike, the same batch every time."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.network_input import CONDITION_SIZE, REGIONS
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import PairBatches, clip_frame, make_batch, mirrored


def test_a_photo_moved_to_a_frame_resembles_that_frame(packed_clips: list[PackedClip]) -> None:
    clip = packed_clips[0]
    batch = make_batch([([clip_frame(clip, 0)], [clip_frame(clip, 8)])])
    skin = batch.regions[..., REGIONS.index("face")] > 127
    skin &= batch.regions[..., REGIONS.index("mouth")] < 127
    unmoved = np.abs(clip.rgb[:1].astype(int) - batch.target).mean(axis=3)[skin].mean()
    moved = np.abs(batch.moved.astype(int) - batch.target).mean(axis=3)[skin].mean()
    assert moved < 0.6 * unmoved


def test_a_photo_moved_to_itself_is_that_photo(packed_clips: list[PackedClip]) -> None:
    frame = clip_frame(packed_clips[0], 0)
    batch = make_batch([([frame], [frame])])
    assert np.abs(batch.lead_moved[0].astype(int) - frame.rgb).mean() < 1.0
    steps = (np.arange(64) + 0.5) / 32 - 1
    still = np.stack(np.meshgrid(steps, steps), axis=-1)
    assert np.abs(batch.grid[0] - still).mean() < 0.003, "of the crop; a turned cheek's far rim is looked up outside it"


def test_the_photo_with_the_open_mouth_leads_where_the_mouth_is_open(packed_clips: list[PackedClip]) -> None:
    clip = packed_clips[0]
    opening = clip.tracks.blendshapes.sum(axis=1)
    closed, opened = clip_frame(clip, int(opening.argmin())), clip_frame(clip, int(opening.argmax()))
    batch = make_batch([([closed, opened], [closed, opened])])
    assert batch.lead.tolist() == [0, 1] and len(batch.references) == 2


def test_mirrored_twice_is_the_same_and_once_moves_alike(packed_clips: list[PackedClip]) -> None:
    clip = packed_clips[0]
    first, second = clip_frame(clip, 0), clip_frame(clip, 8)
    back = mirrored(mirrored(first))
    assert np.array_equal(back.rgb, first.rgb) and np.allclose(back.landmarks, first.landmarks)
    assert back.window.left == pytest.approx(first.window.left)
    plain = make_batch([([first], [second])])
    flipped = make_batch([([mirrored(first)], [mirrored(second)])])
    difference = np.abs(flipped.moved[:, :, ::-1].astype(int) - plain.moved)
    assert difference.mean() < 3, "the mesh's triangles are not symmetric, the picture nearly is"


def test_a_batch_is_the_same_whenever_it_is_asked_for(packed_clips: list[PackedClip]) -> None:
    first, again = PairBatches(packed_clips, batch=4, seed=7)[3], PairBatches(packed_clips, batch=4, seed=7)[3]
    assert np.array_equal(first.moved, again.moved) and np.array_equal(first.condition, again.condition)
    other = PairBatches(packed_clips, batch=4, seed=7)[4]
    assert not np.array_equal(first.target, other.target)


def test_batches_have_the_shapes_the_network_takes(packed_clips: list[PackedClip]) -> None:
    batch = PairBatches(packed_clips, batch=8, seed=0)[0]
    assert batch.moved.shape == batch.lead_moved.shape == batch.target.shape == (8, 256, 256, 3)
    assert batch.regions.shape == (8, 256, 256, len(REGIONS)) and batch.grid.shape == (8, 64, 64, 2)
    assert batch.condition.shape == (8, CONDITION_SIZE) and batch.lead.max() < len(batch.references)

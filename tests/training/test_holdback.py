"""The yardstick itself: people kept back stay apart; perfect, equal and grey pictures get what they deserve."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.network_input import REGIONS
from avatar.generator.tuning.packed_clips import PackedClip
from avatar.generator.tuning.pairs import spread_expressions
from training.holdback import measure, measured_pairs, split_people


def test_people_kept_back_are_never_trained_on(packed_clips: list[PackedClip]) -> None:
    train, kept = split_people(packed_clips, 1)
    assert len(kept) == 1 and len(train) == 2
    assert {clip.label.person for clip in train}.isdisjoint(clip.label.person for clip in kept)
    assert [clip.label for clip in split_people(packed_clips, 1)[1]] == [clip.label for clip in kept]
    assert split_people(packed_clips, 0)[1] == []


def test_each_fold_keeps_back_other_people_until_all_have_been(packed_clips: list[PackedClip]) -> None:
    folds = [{clip.label.person for clip in split_people(packed_clips, 1, fold=fold)[1]} for fold in range(3)]
    assert set.union(*folds) == {"anna", "ben", "cleo"} and sum(map(len, folds)) == 3
    train, kept = split_people(packed_clips, 1, named=["ben", "cleo"])
    assert {clip.label.person for clip in kept} == {"ben", "cleo"} and len(train) == 1


def test_references_are_spread_over_expressions(packed_clips: list[PackedClip]) -> None:
    blendshapes = packed_clips[0].tracks.blendshapes
    chosen = spread_expressions(blendshapes, 3)
    assert len(set(chosen)) == 3
    opening = blendshapes.sum(axis=1)
    assert opening[chosen[0]] == opening.min() and opening[chosen[1]] == opening.max()


def test_the_geometry_tiers_own_pictures_measure_as_no_gain(packed_clips: list[PackedClip]) -> None:
    batches = measured_pairs(packed_clips[:2], references=1)
    found = measure(batches, [batch.moved for batch in batches])
    assert found.mouth_l1_ratio == pytest.approx(1) and found.eye_l1_ratio == pytest.approx(1)
    assert found.face_psnr_gain_db == pytest.approx(0, abs=1e-6)


def test_real_frames_are_perfect_and_a_grey_mouth_is_not_sharp(packed_clips: list[PackedClip]) -> None:
    batches = measured_pairs(packed_clips[:2], references=4)
    real = measure(batches, [batch.target for batch in batches])
    assert real.mouth_l1_ratio == 0 and real.mouth_sharpness == pytest.approx(1)
    grey = []
    for batch in batches:
        picture = batch.target.copy()
        picture[batch.regions[..., REGIONS.index("mouth")] > 0] = 90
        grey.append(np.asarray(picture))
    assert measure(batches, grey).mouth_sharpness < 0.3

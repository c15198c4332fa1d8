"""The mirror swaps left and right, and twice is as before."""

from __future__ import annotations

import numpy as np

from avatar.face.mesh import LEFT_EYE_OPENING, LEFT_IRIS, RIGHT_EYE_OPENING, RIGHT_IRIS
from avatar.face.pose import mean_head
from avatar.generator.tuning.mirror import mirror_head, mirrored_blendshapes, mirrored_landmarks
from avatar.types import BLENDSHAPE_INDEX


def test_landmarks_swap_sides() -> None:
    partner = mirrored_landmarks(mean_head())
    assert (partner[33], partner[61], partner[234], partner[468]) == (263, 291, 454, 473)
    assert all(partner[index] == index for index in (1, 10, 13, 14, 152, 168))
    assert {int(partner[index]) for index in RIGHT_EYE_OPENING} == set(LEFT_EYE_OPENING)
    assert {int(partner[index]) for index in RIGHT_IRIS} == set(LEFT_IRIS)


def test_coefficients_swap_sides() -> None:
    swap = mirrored_blendshapes()
    assert swap[BLENDSHAPE_INDEX["eyeBlinkLeft"]] == BLENDSHAPE_INDEX["eyeBlinkRight"]
    assert swap[BLENDSHAPE_INDEX["jawLeft"]] == BLENDSHAPE_INDEX["jawRight"]
    assert swap[BLENDSHAPE_INDEX["jawOpen"]] == BLENDSHAPE_INDEX["jawOpen"]


def test_twice_in_the_mirror_is_as_before() -> None:
    heads = np.random.default_rng(0).normal(size=(3, 478, 3)).astype(np.float32)
    partner, swap = mirrored_landmarks(mean_head()), mirrored_blendshapes()
    assert np.array_equal(mirror_head(mirror_head(heads, partner), partner), heads)
    assert np.array_equal(swap[swap], np.arange(52))


def test_the_mean_head_is_its_own_mirror_image() -> None:
    head = mean_head()
    assert np.allclose(mirror_head(head, mirrored_landmarks(head)), head, atol=1e-5)

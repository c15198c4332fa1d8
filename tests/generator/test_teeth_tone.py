"""Teeth are as bright as the whites of the same person's eyes; nothing else in the mouth is."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.identity import Identity
from avatar.generator.teeth_tone import TeethTone, eye_whites
from avatar.types import F32, U8

WHITES: F32 = np.array([200, 190, 185], np.float32)


def lifted(identity: Identity, colour: tuple[int, int, int], strength: float = 1.0) -> tuple[U8, U8, U8]:
    """Return the middle of a mouth of one colour, before and after, and a place beside the mouth."""
    landmarks = identity.rest.landmarks_px.copy()
    landmarks[list(mesh.LOWER_INNER_LIP), 1] += 20
    picture = np.full((*identity.rest.rgb.shape[:2], 3), colour, np.uint8)
    TeethTone(WHITES).lift(picture, landmarks, strength)
    x, y = landmarks[list(mesh.MOUTH_OPENING), :2].mean(axis=0).astype(int)
    return np.array(colour, np.uint8), picture[y, x], picture[y, x - 200]


def test_grey_teeth_come_near_to_the_whites_and_not_beyond(astronaut: Identity) -> None:
    before, after, beside = lifted(astronaut, (170, 150, 145))
    assert (after > before.astype(int) + 8).all() and (after <= WHITES).all()
    assert np.array_equal(beside, before)
    white, still, _ = lifted(astronaut, (220, 215, 210))
    assert np.array_equal(white, still)


@pytest.mark.parametrize("colour", [(60, 40, 40), (180, 95, 100)])
def test_dark_mouths_and_tongues_stay_as_they_are(astronaut: Identity, colour: tuple[int, int, int]) -> None:
    before, after, _ = lifted(astronaut, colour)
    assert np.array_equal(before, after)


def test_a_smooth_mouth_is_lifted_as_a_pictures_is(astronaut: Identity) -> None:
    for colour in ((170, 150, 145), (60, 40, 40), (180, 95, 100)):
        _, in_picture, _ = lifted(astronaut, colour)
        alone = TeethTone(WHITES).lifted(np.full((10, 20, 3), colour, np.uint8))[5, 5]
        assert np.abs(alone.astype(int) - in_picture).max() <= 1


def test_what_a_photo_shows_of_teeth_is_left_alone(astronaut: Identity) -> None:
    before, after, _ = lifted(astronaut, (170, 150, 145), strength=0.0)
    assert np.array_equal(before, after)


def test_whites_are_found_in_a_photo_and_not_behind_shut_lids(astronaut: Identity) -> None:
    rest = astronaut.rest
    whites = eye_whites(rest.rgb, rest.landmarks_px)
    assert whites is not None and whites.min() > 90 and whites[2] > 0.7 * whites[0]
    shut = rest.landmarks_px.copy()
    for upper, lower in (
        (mesh.RIGHT_UPPER_LID, mesh.RIGHT_LOWER_LID),
        (mesh.LEFT_UPPER_LID, mesh.LEFT_LOWER_LID),
    ):
        shut[list(upper)] = shut[list(lower)]
    shut[:, :2] *= 0.2
    assert eye_whites(rest.rgb, shut) is None

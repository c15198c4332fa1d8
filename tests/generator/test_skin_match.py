"""A photo of another day is brought to the first one's light, so that its eyes and mouth fit there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar.face import mesh
from avatar.generator.identity import Identity, Portrait
from avatar.generator.skin_match import MAX_GAIN, match_skin, skin_colour
from avatar.types import F32


def relit(portrait: Portrait, light: F32, exponent: float = 1.0) -> Portrait:
    """Return a portrait in another light, a gain that spreads over (height, width, 3), and of another contrast."""
    rgb = 255 * (portrait.rgb / 255) ** exponent * light
    return replace(portrait, rgb=rgb.clip(0, 255).round().astype(np.uint8))


def off_at_eyes(portrait: Portrait, like: Portrait) -> list[float]:
    """Return by how many levels two pictures of the same portrait differ in each eye, lids and lashes included."""
    found = []
    for eye in (mesh.RIGHT_EYE_OPENING, mesh.LEFT_EYE_OPENING):
        around = np.zeros(like.rgb.shape[:2], np.uint8)
        cv2.fillConvexPoly(around, cv2.convexHull(like.landmarks_px[list(eye), :2].round().astype(np.int32)), 1)
        around = np.asarray(cv2.dilate(around, np.ones((9, 9), np.uint8)))
        apart = np.abs(portrait.rgb.astype(float) - like.rgb).mean(axis=2)
        found.append(float(apart[around > 0].mean()))
    return found


def test_other_colours_become_the_first_photos(astronaut: Identity) -> None:
    rest = astronaut.rest
    matched = match_skin(relit(rest, np.float32([0.85, 0.75, 0.7])), rest)
    assert np.abs(skin_colour(matched) - skin_colour(rest)).max() <= 3


def test_light_from_the_other_side_is_evened_out(astronaut: Identity) -> None:
    rest = astronaut.rest
    middle = rest.landmarks_px[:, 0].mean()
    across = (np.arange(rest.rgb.shape[1]) - middle) / np.ptp(rest.landmarks_px[:, 0])
    lit = relit(rest, np.exp(0.5 * across)[None, :, None].astype(np.float32))
    before, after = off_at_eyes(lit, rest), off_at_eyes(match_skin(lit, rest), rest)
    assert max(after) < 0.4 * max(before)


@pytest.mark.parametrize("exponent", [0.8, 1.25])
def test_eyes_get_the_first_photos_contrast(astronaut: Identity, exponent: float) -> None:
    rest = astronaut.rest
    lit = relit(rest, np.ones(1, np.float32), exponent)
    before, after = off_at_eyes(lit, rest), off_at_eyes(match_skin(lit, rest), rest)
    assert max(after) < 0.5 * max(before)


def test_a_photo_in_the_same_light_stays_as_it_is(astronaut: Identity) -> None:
    same = match_skin(astronaut.rest, astronaut.rest)
    assert np.abs(same.rgb.astype(int) - astronaut.rest.rgb).max() <= 1


def test_a_nearly_black_photo_is_not_blown_up(astronaut: Identity) -> None:
    dark = (astronaut.rest.rgb // 8).astype(np.uint8)
    matched = match_skin(replace(astronaut.rest, rgb=dark), astronaut.rest)
    assert (matched.rgb <= dark * MAX_GAIN + 1).all(), "noise is not blown up"


def test_a_photo_without_any_light_is_matched_all_the_same(astronaut: Identity) -> None:
    black = replace(astronaut.rest, rgb=np.zeros_like(astronaut.rest.rgb))
    assert match_skin(black, astronaut.rest).rgb.max() == 0
    assert match_skin(astronaut.rest, black).rgb.shape == astronaut.rest.rgb.shape


def test_a_face_that_leaves_its_photo_is_matched_all_the_same(astronaut: Identity) -> None:
    moved = astronaut.rest.landmarks_px + np.float32([astronaut.rest.rgb.shape[1], 0, 0])
    outside = replace(astronaut.rest, landmarks_px=moved)
    assert match_skin(outside, astronaut.rest).rgb.shape == astronaut.rest.rgb.shape

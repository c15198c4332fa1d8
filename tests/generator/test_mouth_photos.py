"""Which photos show in a mouth: the two that are most like it, with the network, as much as they are like it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose, mean_head, rotation_matrix, to_pixels
from avatar.generator.mouth_photos import LEAST_SECOND, SHADE_STRENGTH, mouth_photos
from avatar.generator.references import FaceOutline, face_outline
from avatar.types import BLENDSHAPE_INDEX, HeadPose


def seen(jaw: float, turn: float = 0.0) -> FaceOutline:
    """Return the mean face's outlines with its jaw so far open, turned by `turn` radians."""
    values = np.zeros(52, np.float32)
    values[BLENDSHAPE_INDEX["jawOpen"]] = jaw
    head = (mean_head() + load_basis().displacement(values)).astype(np.float32)
    pose = HeadPose(rotation_matrix(np.array([0, turn, 0], np.float32)), np.array([200, 200, 0], np.float32), 120.0)
    landmarks = to_pixels(head, pose)
    return face_outline(landmarks, fit_pose(landmarks))


def test_an_only_photo_shows_the_more_the_more_it_is_like_the_mouth() -> None:
    shares = [mouth_photos(seen(0.5), [seen(jaw)]).share for jaw in (0.0, 0.2, 0.4, 0.5)]
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] > 0.7
    shown = mouth_photos(seen(0.5), [seen(0.5)])
    assert (shown.first, shown.second, shown.second_part) == (0, 0, 0)
    assert shown.share < mouth_photos(seen(0.5), [seen(0.5), seen(0.0)]).share


def test_the_two_most_like_it_show_together_and_the_better_one_more() -> None:
    photos = [seen(0.0), seen(0.45), seen(1.0), seen(0.53)]
    shown = mouth_photos(seen(0.5), photos)
    assert (shown.first, shown.second) == (3, 1)
    assert 0 < shown.second_part < 0.5
    assert shown.share > mouth_photos(seen(0.5), [photos[0], photos[3]]).share, "two photos know more than one"


def test_what_is_not_the_photos_is_guessed() -> None:
    for jaw in (0.1, 0.5, 0.9):
        shown = mouth_photos(seen(jaw), [seen(0.0), seen(0.6)])
        assert 0 < shown.guessed < 1 and 0 < shown.share < 1
        # The shade is laid over all of it: what is left is the photos'.
        assert shown.share * (1 - SHADE_STRENGTH * shown.guessed) == pytest.approx(1 - shown.guessed)


def test_a_photo_that_is_not_like_it_is_not_moved_for_it() -> None:
    shown = mouth_photos(seen(0.6), [seen(0.0), seen(0.6)])
    assert (shown.first, shown.second, shown.second_part) == (1, 1, 0)
    assert LEAST_SECOND > 0


def test_mouths_less_open_and_heads_turned_elsewhere_count_less() -> None:
    wanted = seen(0.5)
    alike = mouth_photos(wanted, [wanted, seen(0.0)]).share
    pressed = replace(wanted, lips=wanted.lips * np.array([1, 0.7], np.float32))
    risen = replace(wanted, lips=wanted.lips * np.array([1, 1.3], np.float32))
    turned = replace(wanted, rotation=wanted.rotation + np.array([0, 0.4, 0], np.float32))
    less, more, aside = (mouth_photos(wanted, [photo, seen(0.0)]).share for photo in (pressed, risen, turned))
    assert less < more < alike
    assert aside < alike


def test_a_trembling_mouth_does_not_change_photos() -> None:
    photos = [seen(0.0), seen(0.4), seen(0.5), seen(0.6)]
    last = mouth_photos(seen(0.44), photos)
    assert {last.first, last.second} == {1, 2}
    anew = mouth_photos(seen(0.495), photos)
    assert {anew.first, anew.second} == {2, 3}
    trembling = mouth_photos(seen(0.495), photos, last)
    assert {trembling.first, trembling.second} == {1, 2}
    opened = mouth_photos(seen(0.6), photos, trembling)
    assert {opened.first, opened.second} == {2, 3}

"""What a head that moves brings in from beyond its photo's edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.face.pose import mean_head
from avatar.generator.beyond_photo import PhotoPlace
from avatar.generator.enrol import enrol
from avatar.generator.identity import Identity
from avatar.generator.scene_layout import lay_out_scene
from avatar.types import U8

FACE = (mean_head() * 40 + np.array([100, 90, 0])).astype(np.float32)
"""From x = 68 to 132 and from y = 65 on."""
PLACE = PhotoPlace(left=20, top=30, right=179, bottom=189, face=FACE)


def numbered() -> U8:
    """Return a picture of 200 x 200 whose pixels say in which row and column they lie."""
    rows, columns = np.mgrid[:200, :200]
    return np.dstack([rows, columns, rows]).astype(np.uint8)


def test_the_photo_itself_stays_and_goes_on_as_in_a_mirror() -> None:
    continued = PLACE.continued(numbered())
    assert np.array_equal(continued[30:190, 20:180], numbered()[30:190, 20:180])
    assert [int(row) for row in continued[[29, 28, 20], 100, 0]] == [31, 32, 40]
    assert [int(column) for column in continued[100, [19, 10, 180, 190], 1]] == [21, 30, 178, 168]


def test_no_part_of_the_face_is_seen_in_the_mirror() -> None:
    low, high = FACE[:, :2].min(axis=0), FACE[:, :2].max(axis=0)
    far = PhotoPlace(left=int(low[0]) - 9, top=int(low[1]) - 20, right=int(high[0]) + 9, bottom=199, face=FACE)
    continued = far.continued(numbered())
    assert continued[: far.top, 100, 0].max() < low[1] - 9, "nor of the forehead above its landmarks"
    assert np.ptp(continued[: far.top, 100, 0].astype(int)) > 3
    assert continued[100, : far.left, 1].max() < low[0] and continued[100, far.right + 1 :, 1].min() > high[0]


def test_a_face_that_the_edge_cuts_goes_on_with_the_edge() -> None:
    cut = PhotoPlace(left=20, top=95, right=179, bottom=189, face=FACE)
    assert set(cut.continued(numbered())[:95, 100, 0].tolist()) <= {95, 96}


def test_a_head_that_the_upper_edge_cuts_off_is_rounded_off_above_it() -> None:
    matte = np.zeros((200, 200), np.uint8)
    matte[:, 60:140] = 255
    rounded = PLACE.rounded(matte)
    assert np.array_equal(rounded[30:], matte[30:])
    assert rounded[29, 100] == 255 and rounded[29, 66] > 200, "as wide as it is cut off"
    heights = (rounded[:30] > 127).sum(axis=0)
    assert 8 <= heights[100] < 30 and heights[100] > heights[75] > heights[63], "a dome"
    assert not rounded[:30, :60].any() and not rounded[:30, 140:].any()


def test_a_head_below_the_upper_edge_is_left_alone() -> None:
    matte = np.zeros((200, 200), np.uint8)
    matte[40:, 60:140] = 255
    matte[:, 25:35] = 255  # somebody else
    assert np.array_equal(PLACE.rounded(matte), matte)


def test_a_shoulder_that_a_side_cuts_off_goes_on_and_down() -> None:
    matte = np.zeros((200, 200), np.uint8)
    matte[150:] = 255
    matte[60:100, 170:] = 255  # hair that the wind carries
    rounded = PLACE.rounded(matte)
    assert np.array_equal(rounded[:, 20:180], matte[:, 20:180])
    for beyond in (rounded[:, 19::-1], rounded[:, 180:]):
        tops = [int(np.flatnonzero(column[140:] > 127)[0]) for column in beyond.T[::6]]
        assert tops[0] <= 14 and tops == sorted(tops) and tops[-1] > tops[0] + 3
    assert not rounded[:140, 195].any(), "hair ends"


def test_a_photo_that_is_larger_than_the_picture_has_no_sides_in_it() -> None:
    matte = np.full((200, 200), 255, np.uint8)
    around = PhotoPlace(left=-30, top=-10, right=240, bottom=250, face=FACE)
    assert np.array_equal(around.rounded(matte), matte)
    assert np.array_equal(around.continued(numbered()), numbered())


@pytest.mark.slow
def test_hair_that_the_photo_cuts_off_is_not_drawn_out_to_stripes(astronaut: Identity) -> None:
    photo, low = astronaut.rest.rgb, astronaut.rest.landmarks_px[:, 1].min()
    scene = lay_out_scene(enrol([np.ascontiguousarray(photo[int(low) - 25 :])], name="cut"), (512, 512))
    above = cv2.cvtColor(scene.person[: scene.spare, :, :3], cv2.COLOR_RGB2GRAY).astype(int)
    seen = scene.person[: scene.spare, :, 3] > 250
    both = seen[1:] & seen[:-1]
    assert both.sum() > 500, "the head goes on"
    assert np.abs(np.diff(above, axis=0))[both].mean() > 0.5, "with hair"
    assert not scene.person[0, :, 3].any(), "and ends"

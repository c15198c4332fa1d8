"""Pictures with a matte beside them: what is laid over another picture is what was drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.media.colour import to_i420
from avatar.media.matte_beside import rgba_of, with_matte, without_matte
from avatar.types import U8, Picture

SIZE = (96, 66)
"""Half its height is odd."""


@pytest.fixture(scope="module")
def rgba() -> U8:
    """A soft disc of one colour, premultiplied."""
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    alpha = np.clip((25 - np.hypot(x - width / 2, y - height / 2)) / 20, 0, 1)[..., None]
    return np.rint(np.dstack([alpha * (200, 120, 60), 255 * alpha])).astype(np.uint8)


def decoded(i420: U8) -> U8:
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420), np.uint8)


def test_colours_and_matte_come_back_from_the_video(rgba: U8) -> None:
    i420 = to_i420(rgba)
    assert i420.shape == (SIZE[1] * 3 // 2, 2 * SIZE[0])
    back = rgba_of(decoded(i420))
    assert back.shape == rgba.shape
    assert np.abs(back[..., 3].astype(int) - rgba[..., 3]).max() <= 2, "the matte passes in full range"
    assert np.abs(back[..., :3].astype(int) - rgba[..., :3]).mean() < 2
    assert (back[..., :3] <= back[..., 3:]).all(), "premultiplied: nothing shines"
    assert back[0, 0].tolist() == [0, 0, 0, 0]


def test_who_takes_no_matte_gets_the_colours_alone(rgba: U8) -> None:
    picture = Picture(0.0, to_i420(rgba), matte=True)
    shown = without_matte(picture)
    assert shown.shape == (SIZE[1] * 3 // 2, SIZE[0])
    before_black = to_i420(np.ascontiguousarray(rgba[..., :3]))
    assert np.abs(shown.astype(int) - before_black).max() <= 1
    assert with_matte(picture) is picture.i420


def test_a_picture_with_a_background_is_all_person(rgba: U8) -> None:
    plain = Picture(0.0, to_i420(np.ascontiguousarray(rgba[..., :3])))
    assert without_matte(plain) is plain.i420
    back = rgba_of(decoded(with_matte(plain)))
    assert (back[..., 3] == 255).all()
    assert np.abs(back[..., :3].astype(int) - decoded(plain.i420)).max() <= 1

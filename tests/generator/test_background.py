"""What is put behind the avatar: the photo's own background is gone, at the edges too, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.config import Background, read_background
from avatar.errors import ImageError
from avatar.generator.cut_out import cut_out
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.types import U8, Motion

SIZE = (320, 240)
GREEN = Background("colour", rgb=(0, 200, 60))
Move = Callable[..., Motion]


def drawn(identity: Identity, background: Background, motion: Motion) -> U8:
    return GeometryGenerator(identity, SIZE, background).render(motion)


def test_texts_say_what_is_behind() -> None:
    for text in ("keep", "blur", "transparent", "#0a64ff", "room.jpg"):
        assert str(read_background(text)) == text
    assert read_background("#FF0000") == Background("colour", rgb=(255, 0, 0))
    for wrong in ("", "blurr", "#12345", "#gggggg", "room.txt", "Keep"):
        with pytest.raises(ValueError):
            read_background(wrong)


def test_a_colour_fills_all_that_is_not_the_person_and_the_face_stays(astronaut: Identity, move: Move) -> None:
    kept, shown = drawn(astronaut, Background(), move(yaw=8)), drawn(astronaut, GREEN, move(yaw=8))
    assert (shown[:20, :20] == GREEN.rgb).all()
    middle = np.s_[90:150, 130:190]
    assert np.abs(kept[middle].astype(int) - shown[middle]).mean() < 1


def test_a_blurred_background_has_its_colours_and_no_detail(astronaut: Identity, move: Move) -> None:
    kept, shown = drawn(astronaut, Background(), move()), drawn(astronaut, Background("blur"), move())
    beside = np.s_[:100, :60]
    assert np.abs(kept[beside].mean(axis=(0, 1)) - shown[beside].mean(axis=(0, 1))).max() < 12
    sharpness = [float(cv2.Laplacian(picture[beside], cv2.CV_32F).var()) for picture in (kept, shown)]
    assert sharpness[1] < 0.2 * sharpness[0]


def test_a_picture_fills_the_background_whatever_its_shape(astronaut: Identity, move: Move, tmp_path: Path) -> None:
    halves = np.zeros((100, 400, 3), np.uint8)
    halves[:, :200], halves[:, 200:] = (250, 10, 10), (10, 10, 250)
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), cv2.cvtColor(halves, cv2.COLOR_RGB2BGR))
    shown = drawn(astronaut, Background("picture", path=path), move())
    assert np.abs(shown[10, 5].astype(int) - (250, 10, 10)).max() < 12
    assert np.abs(shown[10, -5].astype(int) - (10, 10, 250)).max() < 12


def test_a_picture_that_is_none_says_so(astronaut: Identity, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nothing\.png cannot be read"):
        GeometryGenerator(astronaut, SIZE, Background("picture", path=tmp_path / "nothing.png"))
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.png cannot be used"):
        GeometryGenerator(astronaut, SIZE, Background("picture", path=text))


@pytest.mark.parametrize("motion", [{}, {"yaw": 12, "jawOpen": 0.7}])
def test_transparent_pictures_over_a_colour_are_those_before_it(
    astronaut: Identity, move: Move, motion: dict[str, float]
) -> None:
    rgba = drawn(astronaut, Background("transparent"), move(**motion))
    assert rgba.shape == (240, 320, 4)
    assert (rgba[..., :3].max(axis=2) <= rgba[..., 3]).all(), "premultiplied"
    assert rgba[5, 5, 3] == 0 and rgba[120, 160, 3] == 255
    over = rgba[..., :3] + (1 - rgba[..., 3:] / 255) * np.array(GREEN.rgb)
    assert np.abs(over - drawn(astronaut, GREEN, move(**motion))).max() <= 3


def test_before_each_background_pictures_take_the_same_memory(astronaut: Identity, move: Move) -> None:
    generator = GeometryGenerator(astronaut, SIZE, Background("transparent"))
    first = generator.render(move())
    before = first.copy()
    generator.render(move(yaw=15))
    assert np.array_equal(first, before), "a picture is its own"


def test_a_soft_edge_is_cut_out_without_the_old_background() -> None:
    """A disc with a soft edge before a light wall, by a matte that is too large, as a segmenter's is."""
    y, x = np.mgrid[0:256, 0:256]
    distance = np.hypot(x - 128, y - 128)
    truth = np.clip((80 - distance) / 3 + 0.5, 0, 1)[..., None]
    disc = np.array([60, 90, 140.0])
    photo = np.rint(truth * disc + (1 - truth) * 235).astype(np.uint8)
    matte = np.rint(255 * np.clip((82 - distance) / 4 + 0.5, 0, 1)).astype(np.uint8)
    rgba = cut_out(photo, matte, 256).astype(float)
    near = (np.abs(distance - 80) < 5)[..., None]
    for colour in (0.0, 255.0):
        wanted = truth * disc + (1 - truth) * colour
        shown = rgba[..., :3] + (1 - rgba[..., 3:] / 255) * colour
        uncut = matte[..., None] / 255 * photo + (1 - matte[..., None] / 255) * colour
        error, before = (float(np.abs(one - wanted)[near[..., 0]].mean()) for one in (shown, uncut))
        assert error < 6, "levels of 255"
        assert error < 0.5 * before

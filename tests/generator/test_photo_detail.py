"""In pictures finer than the network's crop, what it draws is as sharp as the photo beside it where both agree."""

from __future__ import annotations

import cv2
import numpy as np

from avatar.generator.compositing import head_crop, lay_layers
from avatar.generator.engines.engine import FrameLayers
from avatar.generator.framing import Window
from avatar.generator.network_input import INNER
from avatar.generator.photo_detail import led_by_photo
from avatar.types import U8

S = 256
LEFT, TOP, RIGHT, BOTTOM = INNER
TWICE = Window(0.5, 0, 0)
SEAM = np.full((S, S, 1), 255, np.uint8)
DRAWN = np.s_[2 * TOP + 12 : 2 * BOTTOM - 12, 2 * LEFT + 12 : 2 * RIGHT - 12]


def photo() -> U8:
    """Return skin with hairs a pixel wide, twice as fine as the crop."""
    picture = np.full((2 * S, 2 * S, 3), 150, np.uint8)
    random = np.random.default_rng(2)
    for x, y, reach_x, reach_y in random.integers(0, 2 * S, (500, 4)) - (0, 0, S, S):
        cv2.line(picture, (int(x), int(y)), (int(x + reach_x / 5), int(y + reach_y / 5)), (60, 50, 40), 1, cv2.LINE_AA)
    return picture


def drawn_anew(crop: U8) -> FrameLayers:
    """Return layers of a network that paints every pixel of a crop itself."""
    inner = np.ascontiguousarray(crop[TOP:BOTTOM, LEFT:RIGHT])
    return FrameLayers(
        add=np.asarray(cv2.cvtColor(inner, cv2.COLOR_RGB2RGBA), np.uint8),
        keep=np.zeros((*inner.shape[:2], 4), np.uint8),
        shift=np.zeros((S // 4, S // 4, 2), np.float32),
        tone=np.zeros((S // 8, S // 8, 3), np.float32),
    )


def sharpness(picture: U8) -> float:
    luma = cv2.cvtColor(np.ascontiguousarray(picture[DRAWN]), cv2.COLOR_RGB2GRAY)
    return float((cv2.Laplacian(luma, cv2.CV_32F) ** 2).mean())


def laid(picture: U8, layers: FrameLayers, mouth: U8 | None = None) -> U8:
    made = picture.copy()
    lay_layers(made, layers, TWICE, SEAM, mouth)
    return made


def test_what_the_network_repaints_as_the_photo_has_it_is_as_sharp_as_the_photo() -> None:
    picture = photo()
    made = laid(picture, drawn_anew(head_crop(picture, TWICE)))
    enlarged = cv2.resize(head_crop(picture, TWICE), (2 * S, 2 * S), interpolation=cv2.INTER_LANCZOS4)
    assert sharpness(enlarged) < 0.3 * sharpness(picture)
    assert 0.8 < sharpness(made) / sharpness(picture) < 1.1
    error = [np.abs(other[DRAWN].astype(int) - picture[DRAWN]).mean() for other in (made, enlarged)]
    assert error[0] < 0.4 * error[1]


def test_lighter_or_darker_it_keeps_its_own_light() -> None:
    picture = photo()
    for scale in (0.7, 1.25):
        wanted = cv2.convertScaleAbs(picture, alpha=scale)
        made = laid(picture, drawn_anew(head_crop(np.asarray(wanted, np.uint8), TWICE)))
        assert np.abs(made[DRAWN].mean(axis=(0, 1)) - wanted[DRAWN].mean(axis=(0, 1))).max() < 2


def test_of_a_photo_that_shows_something_else_nothing_comes_through() -> None:
    picture = photo()
    smooth = np.full((S, S, 3), 90, np.uint8)
    made = laid(picture, drawn_anew(smooth))
    assert np.abs(made[DRAWN].astype(int) - 90).max() <= 2


def test_inside_a_mouth_the_network_is_let_alone() -> None:
    crop = head_crop(photo(), TWICE)
    layers, inner = drawn_anew(crop), np.ascontiguousarray(crop[TOP:BOTTOM, LEFT:RIGHT])
    mouth = np.zeros(inner.shape[:2], np.uint8)
    mouth[60:100, 40:110] = 255
    led = led_by_photo(layers, inner, mouth)
    assert np.array_equal(led.keep[60:100, 40:110], layers.keep[60:100, 40:110])
    assert led.keep[:40].max() > 240

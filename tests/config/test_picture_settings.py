"""A program that asks for a picture that cannot be is told at once what it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar.config import Background, PictureSettings
from avatar.errors import SettingsError


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"width": 0, "height": 0}, "0 x 0"),
        ({"width": 512.0}, "512.0 x 512"),
        ({"width": "512", "height": "512"}, "'512' x '512'"),
        ({"height": 10_000}, "16 to 4096"),
        ({"fps": 0}, "from 1 to 60"),
        ({"fps": 29.97}, "fps cannot be 29.97: it is a whole number"),
        ({"fps": True}, "fps"),
        ({"tier": "light"}, "tier cannot be 'light': it is one of auto, geometry, lite"),
        ({"engine": "cuda"}, "onnxruntime-cuda"),
        ({"watermark_server": 128}, "watermark_server"),
        ({"background": "blur"}, r"background cannot be 'blur': it is a Background, such as Background\('blur'\)"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_where_it_is_asked_for(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        PictureSettings(**asked)


def test_numbers_of_numpy_are_numbers() -> None:
    width, height, fps = np.array([640, 480, 25])
    assert PictureSettings(width, height, fps).fps == 25


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "color"}, "it is one of keep, blur, colour, picture, transparent"),
        ({"kind": "colour"}, r"rgb=\(red, green, blue\)"),
        ({"kind": "colour", "rgb": (300, 0, 0)}, "0 to 255"),
        ({"kind": "colour", "rgb": (1, 2)}, "0 to 255"),
        ({"kind": "picture"}, "path=Path"),
        ({"kind": "picture", "path": "room.jpg"}, "path=Path"),
    ],
)
def test_a_background_that_cannot_be_is_refused_where_it_is_made(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Background(**asked)


def test_backgrounds_that_can_be_are_taken() -> None:
    for asked in (
        ("blur",),
        ("colour", (0, 0, 255)),
        ("picture", None, Path("room.jpg")),
        ("picture", None, None, b"x"),
    ):
        Background(*asked)

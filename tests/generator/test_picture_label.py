"""The label in every picture: where it was asked for, legible, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar.config import Background, PictureSettings
from avatar.errors import AvatarError
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.generator.picture_label import PictureLabel, labelled
from avatar.types import rest_motion

SETTINGS = PictureSettings(label="AI avatar", label_place="top-left")


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("place", ["top-left", "top", "bottom", "bottom-right"])
def test_it_is_in_its_place_white_on_dark_whatever_is_below(size: tuple[int, int], place: str) -> None:
    width, height = size
    label = PictureLabel("AI avatar", place, size)
    for below in (0, 255):
        picture = np.full((height, width, 3), below, np.uint8)
        label.lay(picture)
        rows, columns = np.nonzero((picture != below).any(axis=2))
        third = (0, 1 / 3) if place.startswith("top") else (2 / 3, 1)
        assert third[0] * height <= rows.min() and rows.max() < third[1] * height
        begin, end = columns.min() / width, columns.max() / width
        beside = {"left": begin, "right": 1 - end, "": abs(begin - (1 - end))}[place.partition("-")[2]]
        assert beside < 0.1
        assert rows.max() - rows.min() >= 12, "it can be read"
        plate = picture[rows.min() : rows.max(), columns.min() : columns.max()]
        assert plate.max() > 240 and np.median(plate) < 120, "white letters on a dark plate"


def test_before_nothing_it_is_there_all_the_same() -> None:
    picture = np.zeros((256, 256, 4), np.uint8)
    PictureLabel("AI avatar", "top-left", (256, 256)).lay(picture)
    assert picture[..., 3].max() == 255 and (picture[..., :3] <= picture[..., 3:]).all(), "premultiplied"
    assert picture[128:].max() == 0


def test_every_picture_of_an_avatar_has_it_and_is_else_the_same(astronaut: Identity) -> None:
    plain = GeometryGenerator(astronaut, (256, 256))
    first = plain.render(rest_motion(0)).astype(int)
    generator = labelled(GeometryGenerator(astronaut, (256, 256)), SETTINGS)
    pictures = [generator.render(rest_motion(time_s)) for time_s in range(3)]
    assert np.array_equal(pictures[0], pictures[2]), "the label of one picture is not below that of the next"
    changed = np.abs(pictures[0] - first).max(axis=2) > 0
    assert changed[:40, :150].any() and not changed[60:].any()
    assert generator.picture_size == (256, 256) and generator.key_every == plain.key_every
    assert labelled(plain, replace(SETTINGS, label=None)) is plain


def test_a_transparent_avatar_has_it_in_its_matte(astronaut: Identity) -> None:
    background = Background("transparent")
    generator = labelled(GeometryGenerator(astronaut, (256, 256), background), replace(SETTINGS, background=background))
    assert generator.render(rest_motion(0))[:40, :60, 3].max() == 255


def test_wording_that_no_picture_can_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="--label-font") as lacking:
        PictureLabel("\u4eba\u5de5", "top-left", (256, 256))
    assert lacking.value.code == "bad_label"
    with pytest.raises(AvatarError, match="cannot be read"):
        PictureLabel("AI", "top-left", (256, 256), tmp_path / "none.ttf")
    with pytest.raises(AvatarError, match="too long"):
        PictureLabel("W" * 40, "top-left", (128, 128))
    for none in ("", "  ", "AI\navatar"):
        with pytest.raises(AvatarError, match="one line"):
            PictureLabel(none, "top-left", (256, 256))
    PictureLabel("An avatar, made by a machine", "top-left", (256, 256))

"""Wherever a face is and however small, some part of the picture shows it large enough to be found."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from avatar.perception.regions import (
    APPROACH_SHARE,
    APPROACH_STEPS,
    LEAST_SHARE,
    SMALLEST_FACE_PX,
    Region,
    approach,
    around,
    search_levels,
)
from avatar.perception.subject import FaceBox

sides = st.integers(60, 4096)
shares = st.floats(0.0, 1.0)


@given(width=sides, height=sides, across=shares, down=shares, size=shares)
def test_every_face_lies_whole_and_large_enough_in_some_part(
    width: int, height: int, across: float, down: float, size: float
) -> None:
    smallest, largest = SMALLEST_FACE_PX, 0.7 * min(width, height)
    face = smallest + size * max(0.0, largest - smallest)
    left, top = across * (width - face), down * (height - face)
    parts = [part for level in search_levels(width, height) for part in level]
    assert any(
        part.left <= left
        and part.top <= top
        and left + face <= part.left + part.width
        and top + face <= part.top + part.height
        and face >= 0.99 * LEAST_SHARE * max(part.width, part.height)
        for part in parts
    )


@given(width=sides, height=sides)
def test_parts_lie_in_the_picture_and_are_not_too_many(width: int, height: int) -> None:
    levels = search_levels(width, height)
    assert levels[0] == (Region(0, 0, width, height),)
    for part in (part for level in levels for part in level):
        assert part.left >= 0 and part.top >= 0 and part.width > 0 and part.height > 0
        assert part.left + part.width <= width and part.top + part.height <= height
    assert sum(map(len, levels)) <= 1 + 100 * max(1.0, width * height / (1920 * 1080))


def test_a_small_picture_is_looked_at_as_a_whole_only() -> None:
    assert search_levels(240, 180) == ((Region(0, 0, 240, 180),),)


@given(width=st.integers(320, 4096), height=st.integers(320, 4096), across=shares, down=shares, size=shares)
def test_a_face_is_approached_without_a_leap(width: int, height: int, across: float, down: float, size: float) -> None:
    face = 40 + size * 260
    box = FaceBox((across * width, down * height), face)
    views = [*approach(box, (width, height)), Region(0, 0, width, height)]
    assert face / max(views[0].width, views[0].height) >= 0.95 * min(APPROACH_SHARE, face / max(width, height))
    for nearer, wider in pairwise(views):
        assert wider.width <= APPROACH_STEPS[0] * nearer.width + 2, "whole pixels"
        for side, start, length in ((0, "left", "width"), (1, "top", "height")):
            first, second = (
                (box.centre[side] - getattr(view, start)) / getattr(view, length) for view in (nearer, wider)
            )
            assert abs(second - first) * getattr(wider, length) < 0.1 * face + 2


@pytest.mark.parametrize("centre", [(0.0, 0.0), (1920.0, 1080.0), (-30.0, 500.0), (960.0, 540.0)])
def test_what_is_around_a_face_stays_in_the_picture(centre: tuple[float, float]) -> None:
    part = around(FaceBox(centre, 60), (1920, 1080))
    assert part.left >= 0 and part.top >= 0 and part.left + part.width <= 1920 and part.top + part.height <= 1080
    assert part.width >= 100 and part.height >= 100

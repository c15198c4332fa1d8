"""A picture without a face is looked through in a second, and an empty chair costs one look a frame."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.perception.regions import Region
from avatar.perception.sweep import LIVE_REGIONS, SearchRegions, Sweep, SweepState, next_regions
from avatar.types import U8

SIZES = [(640, 480), (1280, 720), (1920, 1080), (1080, 1920)]


def room(seed: int, size: tuple[int, int] = (1920, 1080), light: int = 110) -> U8:
    """Return an empty room under camera noise."""
    # A piece of noise for all of the picture, repeated: drawing all of it takes a tenth of a second.
    grain = np.random.default_rng(seed).normal(0, 4, (135, 240, 3)).round().astype(np.int16)
    tiled = np.tile(grain, (-(-size[1] // 135), -(-size[0] // 240), 1))[: size[1], : size[0]]
    return (light + tiled).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_all_parts_are_looked_at_in_less_than_a_second(size: tuple[int, int]) -> None:
    parts = SearchRegions.of(*size)
    state, seen = SweepState(), set[Region]()
    for frame in range(25):
        looked, state = next_regions(parts, state, LIVE_REGIONS, changed=frame == 0)
        assert len(looked) <= 1 + LIVE_REGIONS
        assert frame > 0 or looked[0] == parts.whole
        seen |= set(looked)
    assert seen == {parts.whole, *parts.large, *parts.small}


def test_an_empty_chair_costs_one_look_a_frame_until_something_moves() -> None:
    sweep = Sweep((1920, 1080))
    counts = [len(sweep.next(room(frame))) for frame in range(60)]
    assert counts[:15] == [1 + LIVE_REGIONS] * 15 and counts[30:] == [1] * 30
    entered = room(61)
    entered[500:700, 300:400] = 30
    assert len(sweep.next(entered)) == 1 + LIVE_REGIONS


def test_even_then_every_part_comes_round() -> None:
    parts = SearchRegions.of(1280, 720)
    state, seen = SweepState(), set[Region]()
    for _ in range(4 * (1 + len(parts.large) + len(parts.small))):
        looked, state = next_regions(parts, state, LIVE_REGIONS, changed=False)
        assert len(looked) == 1
        seen |= set(looked)
    assert seen == {parts.whole, *parts.large, *parts.small}


def test_a_small_picture_is_looked_at_as_a_whole_in_every_frame() -> None:
    sweep = Sweep((240, 180))
    assert [len(sweep.next(room(frame, (240, 180)))) for frame in range(5)] == [1] * 5

"""A frame's pixels, of which parts are converted as they are looked at."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from avatar.errors import FrameError
from avatar.media.colour import camera_rgb
from avatar.media.frame_pixels import RgbPixels, YuvPixels, camera_pixels
from avatar.types import U8

SIZE = (90, 64)
"""No multiple of what a decoder's rows are padded to."""


@pytest.fixture
def frame() -> av.VideoFrame:
    rgb = np.random.default_rng(5).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    return av.VideoFrame.from_ndarray(cv2.GaussianBlur(rgb, (5, 5), 2), format="rgb24").reformat(format="yuv420p")


def part_of(whole: U8, left: int, top: int, right: int, bottom: int) -> U8:
    return whole[top:bottom, left:right]


@pytest.mark.parametrize(
    "part", [(0, 0, *SIZE), (10, 20, 30, 40), (11, 21, 32, 43), (0, 1, 1, 2), (89, 63, *SIZE)], ids=str
)
def test_a_part_is_what_the_whole_frame_shows_there(frame: av.VideoFrame, part: tuple[int, int, int, int]) -> None:
    assert np.array_equal(camera_pixels(frame).part(*part)[..., :3], part_of(camera_rgb(frame), *part))


def test_parts_are_the_same_whatever_was_looked_at_before(frame: av.VideoFrame) -> None:
    whole, pixels = camera_rgb(frame), camera_pixels(frame)
    for part in ((10, 10, 60, 50), (21, 13, 40, 29), (5, 5, 61, 50), (10, 10, 12, 12)):
        assert np.array_equal(pixels.part(*part)[..., :3], part_of(whole, *part))
    assert np.array_equal(pixels.rgb(), whole) and pixels.rgb() is pixels.rgb()
    assert np.array_equal(pixels.part(21, 13, 40, 29), part_of(whole, 21, 13, 40, 29))


def test_what_is_not_planar_or_even_is_read_as_rgb(frame: av.VideoFrame) -> None:
    assert isinstance(camera_pixels(frame), YuvPixels)
    for other in (frame.reformat(format="nv12"), frame.reformat(width=89, height=63)):
        pixels = camera_pixels(other)
        assert isinstance(pixels, RgbPixels) and pixels.size == (other.width, other.height)
        assert np.array_equal(pixels.rgb(), camera_rgb(other)) and pixels.rgb().flags.c_contiguous
        assert np.array_equal(pixels.part(3, 5, 20, 30), part_of(camera_rgb(other), 3, 5, 20, 30))


def test_a_frame_that_was_flipped_is_read_as_it_is_seen(frame: av.VideoFrame) -> None:
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 30)),
        graph.add("vflip"),
        graph.add("buffersink"),
    ).configure()
    frame.pts = 0
    graph.push(frame)
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    seen = camera_pixels(flipped).rgb()[::-1].astype(int)
    assert np.abs(seen - camera_rgb(frame)).mean() < 3


def test_monstrous_frames_are_refused() -> None:
    with pytest.raises(FrameError, match="4098"):
        camera_pixels(av.VideoFrame(4098, 16, "yuv420p"))

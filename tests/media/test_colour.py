"""Colours at the two ends of the pipeline."""

from __future__ import annotations

import av
import numpy as np
import pytest

from avatar.errors import FrameError
from avatar.media.colour import camera_rgb, to_i420
from avatar.types import U8

COLOURS = [(255, 255, 255), (0, 0, 0), (200, 30, 30), (30, 200, 30), (30, 30, 200), (224, 172, 150)]


def flat(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> U8:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_survives_the_way_through_the_pipeline(colour: tuple[int, int, int]) -> None:
    frame = av.VideoFrame.from_ndarray(to_i420(flat(colour)), format="yuv420p")
    assert np.abs(camera_rgb(frame).astype(int) - colour).max() <= 3


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("layout", ["rgb24", "bgr24", "yuv420p", "nv12", "yuyv422", "gray"])
def test_every_camera_format_gives_the_same_colour(colour: tuple[int, int, int], layout: str) -> None:
    frame = av.VideoFrame.from_ndarray(flat(colour), format="rgb24").reformat(format=layout)
    wanted = np.full(3, np.dot(colour, (0.299, 0.587, 0.114))) if layout == "gray" else np.array(colour)
    assert np.abs(camera_rgb(frame).astype(int) - wanted).max() <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 480), (639, 479), (640, 1), (641, 480), (4096, 16)])
def test_odd_sizes_are_read(size: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, "yuv420p")
    assert camera_rgb(frame).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("size", [(4098, 16), (16, 5000)])
def test_monstrous_frames_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(FrameError, match=str(max(size))):
        camera_rgb(av.VideoFrame(*size, "yuv420p"))


def test_an_encoder_gets_planes_of_even_size() -> None:
    assert to_i420(flat((9, 9, 9), 65, 49)).shape == (72, 64)
    with pytest.raises(FrameError, match="too small"):
        to_i420(flat((9, 9, 9), 1, 1))
    view = np.ascontiguousarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))[::2, ::2]
    assert np.array_equal(to_i420(view), to_i420(np.ascontiguousarray(view)))

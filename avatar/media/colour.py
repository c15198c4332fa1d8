"""Colour conversion at the two ends of the pipeline, by OpenCV: four times as fast as swscale for these formats."""

from __future__ import annotations

from typing import Final

import av
import cv2
import numpy as np

from avatar.errors import FrameError
from avatar.media.matte_beside import beside
from avatar.types import U8

MAX_SIDE_PX: Final = 4096


def camera_rgb(frame: av.VideoFrame) -> U8:
    """Return a decoded frame as (height, width, 3) RGB.

    Raises:
        FrameError: a side is 0 or longer than `MAX_SIDE_PX`.
    """
    check_camera_size(frame)
    if frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0:
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def check_camera_size(frame: av.VideoFrame) -> None:
    """Raise FrameError where a side of a decoded frame is 0 or longer than `MAX_SIDE_PX`."""
    if not (0 < frame.width <= MAX_SIDE_PX and 0 < frame.height <= MAX_SIDE_PX):
        raise FrameError(f"A camera picture of {frame.width} x {frame.height} pixels is not usable.")


def to_i420(rgb: U8) -> U8:
    """Return (height, width, 3) RGB as (height * 3 / 2, width) planar YUV 4:2:0; odd sides lose their last line.

    Premultiplied RGBA, (height, width, 4), becomes twice as wide: its matte lies to the right (`matte_beside`).

    Raises:
        FrameError: a side is shorter than 2 pixels.
    """
    height, width = rgb.shape[0] & ~1, rgb.shape[1] & ~1
    if not (height and width):
        raise FrameError(f"A picture of {rgb.shape[1]} x {rgb.shape[0]} pixels is too small for YUV 4:2:0.")
    even = np.ascontiguousarray(rgb[:height, :width])
    return beside(even) if even.shape[2] == 4 else np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), np.uint8)

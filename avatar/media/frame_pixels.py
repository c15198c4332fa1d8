"""A frame's pixels as RGB, converted only where somebody looks: of a camera's picture mostly the face and no more."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np

from avatar.media.colour import camera_rgb, check_camera_size
from avatar.types import U8


class RgbPixels:
    """A frame that is RGB already."""

    def __init__(self, rgb: U8) -> None:
        """Take (height, width, 3) RGB. Rows with padding between them are copied: not all can look at such."""
        self._rgb = np.ascontiguousarray(rgb)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width = self._rgb.shape[:2]
        return width, height

    def rgb(self) -> U8:
        """Return all of it, (height, width, 3) RGB, C-contiguous; not to be written into."""
        return self._rgb

    def part(self, left: int, top: int, right: int, bottom: int) -> U8:
        """Return a part that lies in the frame, (bottom - top, right - left, 3) RGB; not to be written into."""
        return self._rgb[top:bottom, left:right]


class YuvPixels:
    """A frame in planar YUV 4:2:0 with even sides. For one thread."""

    def __init__(self, frame: av.VideoFrame) -> None:
        """Take a decoded frame, which must not be written into meanwhile."""
        self.size = frame.width, frame.height
        planes: Any = frame.planes  # each is a buffer, which its types do not say
        self._planes = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
            for plane in planes
        ]
        self._part: tuple[U8, int, int] | None = None
        """What was converted last, and its left upper corner."""

    def rgb(self) -> U8:
        """Return all of it, as `RgbPixels` does; converted once."""
        width, height = self.size
        if self._part is None or self._part[0].shape != (height, width, 3):
            self._part = self._converted(0, 0, width, height, cv2.COLOR_YUV2RGB_I420), 0, 0
        return self._part[0]

    def part(self, left: int, top: int, right: int, bottom: int) -> U8:
        """Return a part as `RgbPixels` does, or with a fourth channel that says nothing.

        One that lies in what was converted last costs nothing.
        """
        if self._part is not None:
            pixels, at_x, at_y = self._part
            height, width = pixels.shape[:2]
            if at_x <= left and at_y <= top and right <= at_x + width and bottom <= at_y + height:
                return pixels[top - at_y : bottom - at_y, left - at_x : right - at_x]
        begin_x, begin_y = left & ~1, top & ~1
        # Four channels, since what turns a part works on those in half the time.
        pixels = self._converted(begin_x, begin_y, right + 1 & ~1, bottom + 1 & ~1, cv2.COLOR_YUV2RGBA_I420)
        self._part = pixels, begin_x, begin_y
        return pixels[top - begin_y : bottom - begin_y, left - begin_x : right - begin_x]

    def _converted(self, left: int, top: int, right: int, bottom: int, conversion: int) -> U8:
        """Return a part whose borders are even."""
        width, height = right - left, bottom - top
        i420 = np.empty((height * 3 // 2, width), np.uint8)
        i420[:height] = self._planes[0][top:bottom, left:right]
        colours = i420[height:].reshape(2, height // 2, width // 2)
        for colour, plane in zip(colours, self._planes[1:], strict=True):
            colour[:] = plane[top // 2 : bottom // 2, left // 2 : right // 2]
        return np.asarray(cv2.cvtColor(i420, conversion), np.uint8)


FramePixels = RgbPixels | YuvPixels


def camera_pixels(frame: av.VideoFrame) -> FramePixels:
    """Return the pixels of a decoded frame.

    Raises:
        FrameError: a side is 0 or longer than `colour.MAX_SIDE_PX`.
    """
    check_camera_size(frame)
    is_even = frame.width % 2 == 0 and frame.height % 2 == 0
    # A frame that was flipped may have its rows in memory from the last one on.
    if frame.format.name == "yuv420p" and is_even and all(plane.line_size > 0 for plane in frame.planes):
        return YuvPixels(frame)
    return RgbPixels(camera_rgb(frame))

"""Rectangles of a picture that are turned with the head: what MediaPipe's graph cuts out for its landmark network.

Sizes and margins are those of MediaPipe's face landmarker (`mediapipe/tasks/cc/vision/face_landmarker` and
`face_detector`: the rectangle around what was found, 1.5 times as large, turned so that the eyes are level).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.media.frame_pixels import FramePixels
from avatar.types import F32, U8

GROWTH: Final = 1.5
"""How much larger the rectangle is than what was found, so that a face that moves is still in it."""
FOUR_CHANNELS_TO: Final = 4
"""OpenCV turns a picture of four channels in half the time that three take. Up to so many pixels of it for each pixel
cut, that is worth the change to four: 0.2 ms in place of 0.35."""
RIGHT_EYE, LEFT_EYE = 33, 263
"""The landmarks of the subject's outer eye corners."""


@dataclass(frozen=True, slots=True)
class RotatedRect:
    """A rectangle in a picture, in pixels, turned about its middle."""

    x: float
    y: float
    """Where its middle is."""
    width: float
    height: float
    angle_rad: float = 0.0
    """Clockwise as seen."""

    @staticmethod
    def around_landmarks(landmarks_px: F32) -> RotatedRect:
        """Return the square in which the face with these landmarks (478, 3) is looked for in the next picture."""
        left, top, right, bottom = extent(landmarks_px)
        side = GROWTH * max(right - left, bottom - top)
        across, down, _ = (landmarks_px[LEFT_EYE] - landmarks_px[RIGHT_EYE]).tolist()
        return RotatedRect((left + right) / 2, (top + bottom) / 2, side, side, math.atan2(down, across))

    def scaled(self, x: float, y: float) -> RotatedRect:
        """Return the rectangle where it is in a picture so many times as wide and as high."""
        return RotatedRect(self.x * x, self.y * y, self.width * x, self.height * y, self.angle_rad)

    def to_picture(self, side: int) -> NDArray[np.float64]:
        """Return (2, 3), which maps (x, y, 1) in this rectangle stretched to a square of `side` to the picture."""
        across, down = self.width / side, self.height / side
        cosine, sine = math.cos(self.angle_rad), math.sin(self.angle_rad)
        right, below = (cosine * across, sine * across), (-sine * down, cosine * down)
        left, top = self.x - (right[0] + below[0]) * side / 2, self.y - (right[1] + below[1]) * side / 2
        return np.array([[right[0], below[0], left], [right[1], below[1], top]])

    def cut(self, pixels: FramePixels, side: int, *, beyond: int) -> U8:
        """Return the rectangle of a picture stretched to (side, side, 3 or 4), without smoothing.

        The first three of a pixel are RGB, a fourth says nothing. `beyond` is OpenCV's border mode for what lies
        outside of the picture.
        """
        flags, matrix = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, self.to_picture(side)
        left, top, right, bottom = _reach(matrix, side, *pixels.size)
        part = pixels.part(left, top, right, bottom)
        if part.shape[2] == 3 and (right - left) * (bottom - top) <= FOUR_CHANNELS_TO * side**2:
            part = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2RGBA), np.uint8)
        matrix[:, 2] -= (left, top)
        return np.asarray(cv2.warpAffine(part, matrix, (side, side), flags=flags, borderMode=beyond), np.uint8)


def extent(points_px: F32) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of points (n, 2 or 3)."""
    # Numpy takes three times as long for so few columns.
    left, top, *_ = cv2.reduce(points_px, 0, cv2.REDUCE_MIN)[0].tolist()
    right, bottom, *_ = cv2.reduce(points_px, 0, cv2.REDUCE_MAX)[0].tolist()
    return left, top, right, bottom


def _reach(matrix: NDArray[np.float64], side: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of a picture that a cut reads; all of it where it reads none."""
    (left, right), (top, bottom) = (
        (min(0.0, across) + min(0.0, down), max(0.0, across) + max(0.0, down))
        for across, down in (matrix[:, :2] * side).tolist()
    )
    x, y = matrix[:, 2].tolist()
    left, top = (int(min(max(value - 1, 0), 1e6)) for value in (x + left, y + top))
    right, bottom = (
        math.ceil(min(max(value + 2, 0), most)) for value, most in ((x + right, width), (y + bottom, height))
    )
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, width, height)

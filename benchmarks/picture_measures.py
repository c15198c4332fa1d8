"""How far a picture is from the real one: error, sharpness and flicker inside a mask. Pure functions of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from avatar.types import F32, U8

FEWEST_PIXELS: Final = 25
"""Eyes that cover fewer pixels are closed and not measured."""
OPEN_MOUTH: Final = 0.005
"""A mouth that covers less of the face is a slit: a dark line, in which neither teeth nor error mean anything."""

Mask = np.ndarray
"""(height, width), bool."""


def absolute_error(picture: U8, real: U8, inside: Mask) -> float:
    """Return the sum of absolute differences inside a mask, levels of 255, the three channels averaged."""
    return float(cv2.absdiff(picture, real)[inside].sum() / 3)


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Return the sum of the first over the sum of the second, NaN where there is nothing to compare."""
    below = sum(others)
    return sum(values) / below if below > 0 else float("nan")


def open_part(mask: U8, *, least: float = FEWEST_PIXELS) -> Mask:
    """Return where a region's mask (0..255) is set, nowhere where that is less than `least` pixels."""
    inside = mask > 127
    return inside if inside.sum() >= least else np.zeros_like(inside)


def open_mouth(mouth: U8, face: U8) -> Mask:
    """Return the inside of a mouth that is open, nowhere where it is shut or a slit; masks are 0..255."""
    return open_part(mouth, least=max(FEWEST_PIXELS, OPEN_MOUTH * float((face > 127).sum())))


def psnr_db(picture: U8, real: U8, inside: Mask) -> float:
    """Return the peak signal-to-noise ratio inside a mask, dB; 78 at most, one level wrong in a thousand pixels."""
    squares = (picture[inside].astype(np.float32) - real[inside]) ** 2
    return float(10 * np.log10(255**2 / max(float(squares.mean()), 1e-3)))


def ssim(picture: U8, real: U8, inside: Mask) -> float:
    """Return the mean structural similarity inside a mask, of luma under an 11 x 11 Gaussian window.

    Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment", IEEE Transactions on Image Processing 13(4), 2004.
    """
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    first, second = (
        cv2.cvtColor(np.ascontiguousarray(x[part]), cv2.COLOR_RGB2GRAY).astype(np.float64) for x in (picture, real)
    )

    def local(x: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(x, sigma=1.5, radius=5))

    first_mean, second_mean = local(first), local(second)
    first_variance = local(first * first) - first_mean**2
    second_variance = local(second * second) - second_mean**2
    covariance = local(first * second) - first_mean * second_mean
    steady_mean, steady_variance = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # the paper's constants
    similar = (2 * first_mean * second_mean + steady_mean) * (2 * covariance + steady_variance)
    similar /= (first_mean**2 + second_mean**2 + steady_mean) * (first_variance + second_variance + steady_variance)
    return float(similar[inside[part]].mean())


def detail(picture: U8, inside: Mask) -> tuple[float, int]:
    """Return (sum of the squared Laplacian of luma, pixels) inside a mask less its rim: lips are not teeth."""
    inner = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float((edges[inner] ** 2).sum()), int(inner.sum())


def flicker(pictures: Sequence[U8], inside: Sequence[Mask]) -> float:
    """Return the mean absolute second difference over time inside each middle frame's mask, levels of 255.

    Steady motion of smooth shading has almost none; noise, jitter and popping have much.
    """
    levels = [picture.astype(np.int16) for picture in pictures]
    seconds: list[F32] = []
    for index in range(1, len(levels) - 1):
        bend = levels[index - 1] - 2 * levels[index] + levels[index + 1]
        seconds.append(np.abs(bend[inside[index]]).astype(np.float32).ravel())
    together = np.concatenate(seconds) if seconds else np.zeros(0, np.float32)
    return float(together.mean()) if together.size else float("nan")

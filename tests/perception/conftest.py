"""A real face for the tests of perception: the public-domain astronaut portrait, moved as a camera would see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar.perception.tracker import FaceTracker
from avatar.types import U8

Shot = Callable[..., U8]


@pytest.fixture
def tracker(face_model: Path) -> Iterator[FaceTracker]:
    """Follow a face through frames."""
    with FaceTracker(face_model) as tracker:
        yield tracker


@pytest.fixture(scope="session")
def shot(photo: U8) -> Shot:
    """Take a 640x480 RGB frame: the portrait moved by (x, y) px, scaled, turned by degrees, under camera noise."""

    def take(x: float = 0.0, y: float = 0.0, *, scale: float = 1.0, roll: float = 0.0, noise: int | None = None) -> U8:
        place = cv2.getRotationMatrix2D((224.0, 120.0), -roll, scale)  # about the face, + clockwise
        place[:, 2] += (96.0 + x, 100.0 + y)
        frame = cv2.warpAffine(photo, place, (640, 480), flags=cv2.INTER_LINEAR, borderValue=(90, 90, 90))
        if noise is not None:
            cv2.setRNGSeed(noise)  # a fifth of the time NumPy's normal numbers take
            grain = cv2.randn(np.empty(frame.shape, np.int16), (0, 0, 0), (3, 3, 3))
            frame = cv2.add(frame, grain, dtype=cv2.CV_8U)
        return frame

    return take

"""A landmarker in video mode that tracks one face, and can be switched to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from avatar.media.frame_pixels import FramePixels
from avatar.perception.landmarker import FaceDetection
from avatar.perception.landmarker_choice import open_landmarker
from avatar.perception.regions import APPROACH_STEPS, approach
from avatar.perception.subject import FaceBox
from avatar.types import U8

TRIES: Final = 4
"""A face that is not found in so many of the nearest views is none."""
SETTLING: Final = 2
"""Detections after which a face's landmarks have settled: the first crops the face otherwise than later ones do, and a
rest or calibration that held the first would differ from all that is compared with it."""
_NOTHING: Final = np.zeros((64, 64, 3), np.uint8)


class FaceFollower:
    """Tracks one face from frame to frame. Not for several threads at once; always `close()` it."""

    def __init__(self, model_path: Path, *, engine: str = "auto") -> None:
        """Load the model, on an engine of `open_landmarker`. Raises PerceptionError."""
        self._landmarker = open_landmarker(model_path, video=True, max_faces=1, engine=engine)

    def detect(self, frame: U8 | FramePixels, time_s: float) -> list[FaceDetection]:
        """Return the face that is followed, or one that is found now, in a frame; empty without one.

        Raises:
            PerceptionError: it was closed, or its engine failed.
        """
        return self._landmarker.detect(frame, time_s)

    def switch_to(self, rgb: U8, box: FaceBox, others: Sequence[FaceBox], time_s: float) -> bool:
        """Stop tracking any face and track the one in `box`; `others` are the boxes of the other faces in `rgb`.

        Returns whether it was found there; then `detect` has it in the whole of this picture and of the next ones.
        A face that is too small a share of the picture to be detected is followed there from a nearer view, which
        takes some 5 ms a view and 20 of them for 40 pixels in full HD. One of a large share is given the benefit of the
        doubt.

        Raises:
            PerceptionError: as `detect`.
        """
        alone = without(rgb, others) if others else rgb
        return any(self._approach(alone, box, step, time_s) for step in APPROACH_STEPS)

    def _approach(self, rgb: U8, box: FaceBox, step: float, time_s: float) -> bool:
        """Detect a face in a close view, then in ever wider ones, at last in the whole picture."""
        self._landmarker.detect(_NOTHING, time_s)
        views = [view.cut(rgb) for view in approach(box, (rgb.shape[1], rgb.shape[0]), step)]
        near = not views
        views += [rgb] * SETTLING
        found = False
        for tried, view in enumerate(views, start=1):
            seen = bool(self._landmarker.detect(view, time_s))
            if not seen and (found or tried >= TRIES):
                return near
            found = found or seen
        return found or near

    def close(self) -> None:
        """Release the model. May be called again; never raises."""
        self._landmarker.close()


def without(rgb: U8, boxes: Sequence[FaceBox]) -> U8:
    """Return a copy of a picture with faces painted over in grey."""
    blank = rgb.copy()
    for box in boxes:
        left, top = (max(0, round(middle - 0.75 * box.width)) for middle in box.centre)
        right, bottom = (max(0, round(middle + 0.75 * box.width)) for middle in box.centre)
        blank[top:bottom, left:right] = 128
    return blank

"""The face landmarker of MediaPipe, rebuilt around its own networks: half of the time, nearly the same answers.

What MediaPipe's graph does between its networks is done here in numpy: the detector finds a face in the whole picture,
the landmark network finds landmarks in a rectangle around it, and the landmarks say where to look in the next picture.
The blendshapes of a face that is followed are measured by a network of our own (`distilled_blendshapes`).
MediaPipe remains the reference: `benchmarks.landmarks` measures how far the two are apart. It steadies the landmarks of
a face that it follows alone, which `avatar.perception.landmarker` keeps it from; there is no such filter here.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from avatar.errors import PerceptionError
from avatar.media.frame_pixels import FramePixels
from avatar.perception.distilled_blendshapes import load_distilled
from avatar.perception.face_detection import SAME_FACE, SIDE, faces_in
from avatar.perception.landmark_networks import CROP_SIDE, LandmarkNetworks, networks_of
from avatar.perception.landmarker import FaceDetection, check_pixels
from avatar.perception.network_pool import NetworkPool
from avatar.perception.rotated_rect import GROWTH, RotatedRect
from avatar.perception.subject import FaceBox, overlap
from avatar.types import F32, U8

LEAST_PRESENCE: Final = 0.5
"""Landmarks that are less surely a face's are none."""


class OpenVinoLandmarker:
    """Finds faces, their 478 landmarks and their blendshapes in RGB frames; stands in for `FaceLandmarker`.

    One instance serves one stream: with `video=True` it follows one face from frame to frame; with `video=False` every
    picture stands alone. Calls from several threads are taken one at a time.
    """

    def __init__(self, model_path: Path, *, video: bool, max_faces: int = 3) -> None:
        """Compile the networks; a second where they are the process's first, else some milliseconds.

        Raises:
            ValueError: more than one face in video.
            PerceptionError: OpenVINO is missing, or cannot run this model.
            ModelError: the blendshapes' weights are not as they were installed.
        """
        if video and max_faces != 1:
            raise ValueError(f"One face can be followed in video, not {max_faces}.")
        self._video, self._max_faces = video, max_faces
        # A face that is followed is measured thirty times a second, a photo once.
        self._distilled = load_distilled() if video else None
        self._lock = threading.Lock()
        pool = networks_of(model_path)
        pool.join()
        self._pool: NetworkPool[LandmarkNetworks] | None = pool
        self._followed: RotatedRect | None = None
        """Where the face is looked for next, in a picture whose sides are 1: the next may be of another size."""

    @property
    def closed(self) -> bool:
        """True after `close()`."""
        return self._pool is None

    def detect(
        self,
        frame: U8 | FramePixels,
        time_s: float,  # noqa: ARG002 - it is MediaPipe's
        known: FaceBox | None = None,
    ) -> list[FaceDetection]:
        """Return the faces in one frame, the surest first; an empty list where there are none.

        `frame` is (height, width, 3) uint8 RGB, or the pixels of one.

        While faces are searched, one that is `known` is left out: its landmarks would take most of the time.

        Raises:
            FrameError: the frame is not fit to look at (see `check_frame`); the landmarker stays usable.
            PerceptionError: it was closed, or OpenVINO failed.
        """
        pixels = check_pixels(frame)
        with self._lock:
            if self._pool is None:
                raise PerceptionError("The face landmarker is closed: make a new one.")
            width, height = pixels.size
            with self._pool.borrow() as networks:
                if self._followed is not None:
                    rects = [self._followed.scaled(width, height)]
                else:
                    rects = self._search(networks, pixels, known)
                found = [face for rect in rects if (face := self._face_in(networks, pixels, rect)) is not None]
            if self._video:
                next_rect = RotatedRect.around_landmarks(found[0].landmarks_px) if found else None
                self._followed = None if next_rect is None else next_rect.scaled(1 / width, 1 / height)
            return found

    def _search(self, networks: LandmarkNetworks, pixels: FramePixels, known: FaceBox | None) -> list[RotatedRect]:
        width, height = pixels.size
        whole = RotatedRect(width / 2, height / 2, max(width, height), max(width, height))
        faces = faces_in(*networks.detect(whole.cut(pixels, SIDE, beyond=cv2.BORDER_CONSTANT)))
        rects = [face.rect(width, height) for face in faces[: self._max_faces]]
        return [rect for rect in rects if known is None or overlap(known, _box_in(rect)) < SAME_FACE]

    def _face_in(self, networks: LandmarkNetworks, pixels: FramePixels, rect: RotatedRect) -> FaceDetection | None:
        """Return the face in a rectangle of a picture; None where there is none."""
        places, presence = networks.landmarks(rect.cut(pixels, CROP_SIDE, beyond=cv2.BORDER_REPLICATE))
        if presence <= LEAST_PRESENCE:
            return None
        width, height = pixels.size
        landmarks = in_picture(places, rect, width / height)
        if not np.isfinite(landmarks).all():
            return None
        measure = networks.blendshapes if self._distilled is None else self._distilled
        return FaceDetection(landmarks, measure(landmarks))

    def close(self) -> None:
        """Release what it holds. May be called again, from any thread; never raises."""
        with self._lock:
            if self._pool is not None:
                self._pool.leave()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _box_in(rect: RotatedRect) -> FaceBox:
    """Return the box of the face for which a rectangle was laid out."""
    return FaceBox((rect.x, rect.y), (rect.width + rect.height) / 2 / GROWTH)


def in_picture(places: F32, rect: RotatedRect, aspect: float) -> F32:
    """Return landmarks (478, 3) of a crop, in pixels of the picture that `rect` was cut from.

    MediaPipe measures depth by the rectangle's upper edge in a picture whose sides are 1, so that in a picture that is
    `aspect` times as wide as high the depth of a head laid on its side is so many times as large. So it is here.
    """
    across = math.hypot(math.cos(rect.angle_rad), math.sin(rect.angle_rad) * aspect)
    (right, below, left), (right_down, below_down, top) = rect.to_picture(CROP_SIDE).tolist()
    to_picture = np.array(
        [[right, below, 0, left], [right_down, below_down, 0, top], [0, 0, rect.width / CROP_SIDE * across, 0]]
    )
    return np.asarray(cv2.transform(places[None], to_picture)[0], np.float32)

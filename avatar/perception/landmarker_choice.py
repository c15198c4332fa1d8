"""Which landmarker looks at a stream: the one on OpenVINO where it can, else MediaPipe's own."""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path
from typing import Protocol

from avatar.errors import PerceptionError
from avatar.media.frame_pixels import FramePixels
from avatar.models.store import MODELS
from avatar.perception.landmarker import FaceDetection, FaceLandmarker
from avatar.perception.openvino_landmarker import OpenVinoLandmarker
from avatar.perception.subject import FaceBox
from avatar.types import U8

_log = logging.getLogger(__name__)


class Landmarker(Protocol):
    """Finds faces, landmarks and blendshapes in RGB frames; see `FaceLandmarker`, whose contract this is."""

    @property
    def closed(self) -> bool:
        """True once it can detect no more."""

    def detect(self, frame: U8 | FramePixels, time_s: float, known: FaceBox | None = None) -> list[FaceDetection]:
        """Return the faces in one frame; a `known` one may be left out. Raises FrameError, PerceptionError."""

    def close(self) -> None:
        """Release it. May be called again; never raises."""


def open_landmarker(model_path: Path, *, video: bool, max_faces: int, engine: str = "auto") -> Landmarker:
    """Return a landmarker for one stream.

    `engine` is one of `avatar.config.TRACKERS`. OpenVINO gives way to MediaPipe where it cannot run this model here;
    the log says so once.

    Raises:
        PerceptionError: the model is missing or is no face landmarker model, or MediaPipe's libraries are missing.
        ModelError: the weights that blendshapes are measured with are not as they were installed.
    """
    if engine != "mediapipe" and why_not_openvino(model_path) is None:
        return OpenVinoLandmarker(model_path, video=video, max_faces=max_faces)
    return FaceLandmarker(model_path, video=video, max_faces=max_faces)


@cache
def why_not_openvino(model_path: Path) -> str | None:
    """Return why OpenVINO cannot follow faces with this model, a sentence; None where it can.

    Tried once for each model: the first time takes a second.
    """
    try:
        with model_path.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest() == MODELS["face_landmarker"].sha256
        reason = None if known else f"{model_path} is another model than the one that was measured on OpenVINO."
        if known:
            OpenVinoLandmarker(model_path, video=False).close()
    except (OSError, PerceptionError) as error:
        reason = str(error)
    if reason is not None:
        _log.warning("MediaPipe follows faces, which takes half as long again as OpenVINO would: %s", reason)
    return reason

"""Is it the same person? A public face-recognition network's answer: dlib's ResNet (Davis King, 2017, CC0).

Its 128 numbers are meant to be compared by Euclidean distance, below 0.6 for the same person. Here they are compared by
cosine, so that 1 is identical whatever the length: at the usual length of about 1.45, a distance of 0.6 is a cosine of
0.91. Pictures of different people come to about 0.8, so look at the distance from there, not from 0.

`pip install 'avatar[live]'` brings it; it is imported only here. It keeps the interpreter to itself while it works
(0.1 s of a core for a face): a server asks `LikenessProcess`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from avatar.errors import TrustError
from avatar.types import F32, U8

NUMBERS: Final = 128
"""Of one face."""
_MODELS: Final = "face_recognition_models"
_MISSING: Final = "Face recognition is not installed ({} is missing): pip install 'avatar[live]'"


class FaceRecognition(Protocol):
    """Whose face it is, as numbers. Another network is put in by another class of this kind."""

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        """Return the unit vector of the face that (478, 3) landmarks surround in a picture (height, width, 3) RGB.

        The product of two is their likeness: 1 for the same picture. Raises TrustError where it cannot be had.
        """

    def close(self) -> None:
        """Let it go. May be called again; never raises."""


def why_not_installed() -> str | None:
    """Return why there is no face recognition on this machine, a sentence; None where there is. Loads nothing."""
    missing = next((name for name in ("dlib", _MODELS) if importlib.util.find_spec(name) is None), None)
    return None if missing is None else _MISSING.format(missing)


class Likeness:
    """Dlib's face recognition, in this process. See `FaceRecognition`."""

    def __init__(self) -> None:
        """Load the networks (0.2 s).

        Raises:
            TrustError: dlib or its models are not installed, or are damaged.
        """
        try:
            import dlib  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise TrustError(_MISSING.format("dlib"), code="likeness_missing") from error
        # Found, not imported: the package itself needs an outdated setuptools.
        found = importlib.util.find_spec(_MODELS)
        if found is None or not found.submodule_search_locations:
            raise TrustError(_MISSING.format(_MODELS), code="likeness_missing")
        folder = Path(found.submodule_search_locations[0]) / "models"
        self._dlib: Any = dlib
        try:
            self._corners = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
            self._network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
        except RuntimeError as error:
            raise TrustError(
                f"{folder} is damaged ({error}): install avatar[live] again.", code="likeness_missing"
            ) from error

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        """Return the (128,) unit vector of a face; see `FaceRecognition`."""
        return self.embed_in(rgb, *landmarks_px[:, :2].min(axis=0), *landmarks_px[:, :2].max(axis=0))

    def embed_in(self, rgb: U8, left: float, top: float, right: float, bottom: float) -> F32:
        """Return the same of a face that its landmarks' box, in pixels, says."""
        box = self._dlib.rectangle(*np.rint([left, top, right, bottom]).astype(int).tolist())
        picture = np.ascontiguousarray(rgb)
        vector = np.array(self._network.compute_face_descriptor(picture, self._corners(picture, box)), np.float32)
        return vector / np.float32(np.linalg.norm(vector))

    def close(self) -> None:
        """Nothing is held open."""

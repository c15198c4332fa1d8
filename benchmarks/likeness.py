"""Is it the same person? A public face-recognition network's answer: dlib's ResNet (Davis King, 2017, CC0).

Its 128 numbers are meant to be compared by Euclidean distance, below 0.6 for the same person. Here they are compared by
cosine, so that 1 is identical whatever the length: at the usual length of about 1.45, a distance of 0.6 is a cosine of
0.91. Pictures of different people come to about 0.8, so look at the distance from there, not from 0.

`pip install -e '.[bench]'` brings it; it is imported only here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from avatar.types import F32, U8

MODELS = "face_recognition_models"
MISSING = "{} is not installed: pip install -e '.[bench]'"


class LikenessMissingError(Exception):
    """There is no face recognition on this machine; the message says why."""


class Likeness:
    """Dlib's face recognition."""

    def __init__(self) -> None:
        """Load the networks (0.2 s).

        Raises:
            LikenessMissingError: dlib or its models are not installed.
        """
        try:
            import dlib  # noqa: PLC0415 - an extra, only for this measure
        except ImportError as error:
            raise LikenessMissingError(MISSING.format("dlib")) from error
        # Found, not imported: the package itself needs an outdated setuptools.
        found = importlib.util.find_spec(MODELS)
        if found is None or not found.submodule_search_locations:
            raise LikenessMissingError(MISSING.format(MODELS))
        folder = Path(found.submodule_search_locations[0]) / "models"
        self._dlib: Any = dlib
        try:
            self._corners = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
            self._network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
        except RuntimeError as error:
            raise LikenessMissingError(f"{folder} is damaged: {error}") from error

    def embed(self, rgb: U8, landmarks_px: F32) -> F32:
        """Return the (128,) unit vector of the face that (478, 3) landmarks surround in a picture."""
        low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
        box = self._dlib.rectangle(*np.rint([*low, *high]).astype(int).tolist())
        picture = np.ascontiguousarray(rgb)
        vector = np.array(self._network.compute_face_descriptor(picture, self._corners(picture, box)), np.float32)
        return vector / np.float32(np.linalg.norm(vector))

"""The three networks inside MediaPipe's face landmarker, run by OpenVINO.

The model file is an archive of TensorFlow Lite networks, which OpenVINO reads as they are. Compiling them takes a
second of one core, so all who follow a face in this process share what is compiled (`network_pool`).
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from avatar.errors import PerceptionError
from avatar.perception.blendshape_network import blendshape_network
from avatar.perception.face_detection import SIDE as DETECTOR_SIDE
from avatar.perception.landmark_network import blocked, landmark_network
from avatar.perception.network_pool import NetworkPool
from avatar.types import BLENDSHAPES, F32, LANDMARK_COUNT, U8

CROP_SIDE: Final = 256
"""Pixels a side of the picture in which landmarks are found."""
MOST_COPIES: Final = 4
"""So many calls at once may wait for none of the others; each costs some 30 MB."""
POINTS: Final = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80),
    *(81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153),
    *(154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249),
    *(251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314),
    *(317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, LANDMARK_COUNT)),
)
"""The landmarks that the blendshape network is shown, in its order (MediaPipe's `face_blendshapes_graph.cc`)."""

_DETECTOR: Final = "face_detector.tflite"
_LANDMARKS: Final = "face_landmarks_detector.tflite"
_BLENDSHAPES: Final = "face_blendshapes.tflite"
_NAMES: Final = (_DETECTOR, _LANDMARKS, _BLENDSHAPES)
_POINTS: Final = np.array(POINTS)
_one_at_a_time: Final = threading.Lock()


def networks_of(model_path: Path) -> NetworkPool[LandmarkNetworks]:
    """Return this process's copies of a model file's networks, the same to all threads that ask."""
    with _one_at_a_time:  # two that came at once would each make copies
        return _pool(model_path)


@cache
def _pool(model_path: Path) -> NetworkPool[LandmarkNetworks]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return NetworkPool(lambda: LandmarkNetworks(model_path), max(1, min(MOST_COPIES, cores)))


class LandmarkNetworks:
    """One copy of the networks, which keep nothing of a picture. Not for several threads at once."""

    def __init__(self, model_path: Path) -> None:
        """Compile the networks.

        Raises:
            PerceptionError: OpenVINO or the model file is missing, or OpenVINO cannot run these networks here.
        """
        detector, landmarks, blendshapes = (_compiled(model_path, name) for name in _NAMES)
        self._detector, self._landmarks, self._blendshapes = map(_Request, (detector, landmarks, blendshapes))
        self._planes = [*self._landmarks.input[0], np.empty((CROP_SIDE, CROP_SIDE), np.uint8)]
        """Red, green and blue in the landmark network's input, and what a fourth channel goes into."""

    def detect(self, square: U8) -> tuple[F32, F32]:
        """Return what the detector answers to RGB (128, 128, 3 or more): (896, 16) and (896,), see `face_detection`.

        Raises:
            PerceptionError: OpenVINO failed.
        """
        np.multiply(square[:, :, :3], np.float32(2 / 255), out=self._detector.input[0])
        self._detector.input -= 1.0
        first, second = self._detector.run()
        answers, logits = (first, second) if first.shape[-1] == 16 else (second, first)
        return answers[0], logits[0, :, 0]

    def landmarks(self, crop: U8) -> tuple[F32, float]:
        """Return the landmarks in RGB (256, 256, 3 or 4), (478, 3) in its pixels, and how surely they are a face's.

        The surety is 0..1. They are valid until the next call.

        Raises:
            PerceptionError: OpenVINO failed.
        """
        cv2.split(crop, self._planes[: crop.shape[2]])
        (answer,) = self._landmarks.run()[0]
        surely = 1 / (1 + math.exp(-max(float(answer[-1]), -80.0)))  # exp(80) is no overflow
        return answer[:-1].reshape(LANDMARK_COUNT, 3), surely

    def blendshapes(self, landmarks_px: F32) -> F32:
        """Return (52,), 0..1, in the order of `BLENDSHAPES`, of landmarks (478, 3) in any unit.

        Raises:
            PerceptionError: OpenVINO failed.
        """
        self._blendshapes.input[0] = landmarks_px[_POINTS, :2]
        blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
        # The network leads with `_neutral` and has no `tongueOut`; what it gives has passed a sigmoid.
        blendshapes[:-1] = self._blendshapes.run()[0][1:]
        return blendshapes


class _Request:
    """A network's inputs and outputs in memory that is used again and again."""

    def __init__(self, network: Any) -> None:
        self._request = network.create_infer_request()
        self.input: F32 = self._request.get_input_tensor().data

    def run(self) -> list[F32]:
        """Return the outputs, which the next run overwrites. Raises PerceptionError."""
        try:
            # In this thread, as long as there is one stream: one of OpenVINO's own would cost two switches.
            outputs = self._request.infer(share_outputs=True)
        except RuntimeError as error:
            raise PerceptionError(f"OpenVINO failed while a face was followed: {error}") from error
        return list(outputs.values())


def _compiled(model_path: Path, name: str) -> Any:
    """Return one of the networks, ready to run. Raises PerceptionError."""
    try:
        import openvino  # noqa: PLC0415 - 150 ms, and only where a face is followed

        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
            # Where weights are bytes it would make bytes of what they are multiplied with, too.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        }
        # OpenVINO reads networks of this kind from files only.
        with tempfile.TemporaryDirectory(prefix="avatar-") as folder, zipfile.ZipFile(model_path) as archive:
            core = openvino.Core()
            network = core.read_model(archive.extract(name, folder))
            if name == _BLENDSHAPES:
                network = blendshape_network(network, len(POINTS))
            else:
                _widen_weights(network, openvino)
            if name == _LANDMARKS:
                network = blocked(landmark_network(network, CROP_SIDE), Path(folder))
            elif name == _DETECTOR:
                network.reshape([1, DETECTOR_SIDE, DETECTOR_SIDE, 3])
            return core.compile_model(network, "CPU", options)
    except ImportError as error:
        raise PerceptionError(f"OpenVINO cannot be imported: {error}") from error
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise PerceptionError(f"OpenVINO cannot run {name} of {model_path}: {error}") from error


def _widen_weights(network: Any, openvino: Any) -> None:
    """Have weights that are stored in 16 bits held in 32: OpenVINO fuses more layers and compiles in half the time."""
    for layer in network.get_ordered_ops():
        stored = layer.input_value(0).get_node() if layer.get_type_name() == "Convert" else None
        if stored is not None and stored.get_type_name() == "Constant":
            wide = openvino.opset13.constant(np.asarray(stored.data, np.float32))
            layer.output(0).replace(wide.output(0))

"""The network of our own that measures the blendshapes of a followed face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from avatar.errors import ModelError
from avatar.face.expression_basis import load_basis
from avatar.face.pose import mean_head, rotation_matrix
from avatar.perception.distilled_blendshapes import WEIGHTS, DistilledBlendshapes, load_distilled
from avatar.perception.landmark_networks import networks_of
from avatar.perception.openvino_landmarker import OpenVinoLandmarker
from avatar.resources import weights_path
from avatar.types import BLENDSHAPE_INDEX, F32

Measure = Callable[[F32], F32]


def face(turn: tuple[float, float, float] = (0.0, 0.0, 0.0), **coefficients: float) -> F32:
    """Return a mean head's landmarks that wears some coefficients, turned by a rotation vector."""
    worn = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        worn[BLENDSHAPE_INDEX[name]] = value
    head = mean_head() + load_basis().displacement(worn)
    return np.asarray(head @ rotation_matrix(np.array(turn, np.float32)).T, np.float32)


@pytest.fixture
def mediapipe(face_model: Path) -> Iterator[Measure]:
    """MediaPipe's own network."""
    pool = networks_of(face_model)

    def measure(points: F32) -> F32:
        with pool.borrow() as networks:  # no longer than that: there may be a single copy
            return networks.blendshapes(points)

    pool.join()
    yield measure
    pool.leave()


def test_it_reads_expressions_as_mediapipe_s_network_does(mediapipe: Measure) -> None:
    turns = [(0.0, 0.0, 0.0), (0.15, 0.2, 0.0), (-0.1, -0.3, 0.1), (0.0, 0.1, -0.3)]
    worn: list[dict[str, float]] = [
        {},
        {"jawOpen": 0.6},
        {"eyeBlinkLeft": 0.8, "eyeBlinkRight": 0.8},
        {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7},
        {"eyeLookInLeft": 0.6, "eyeLookOutRight": 0.6},
        {"browInnerUp": 0.7, "mouthPucker": 0.5},
    ]
    faces = [face(turn, **coefficients) for turn in turns for coefficients in worn]
    apart = np.abs([load_distilled()(points) - mediapipe(points) for points in faces])
    assert np.percentile(apart, 95) < 0.02
    blink = apart[:, [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["jawOpen"]]]
    assert blink.max() < 0.05


def test_neither_place_nor_size_of_a_face_matters() -> None:
    here, there = load_distilled()(face(jawOpen=0.5)), load_distilled()(face(jawOpen=0.5) * 180 + 300)
    assert there == pytest.approx(here, abs=1e-4)
    assert here[BLENDSHAPE_INDEX["tongueOut"]] == 0 and here.shape == (52,)


def test_points_that_are_no_face_have_finite_coefficients() -> None:
    for points in (np.zeros((478, 3), np.float32), np.full((478, 3), 7, np.float32)):
        assert np.isfinite(load_distilled()(points)).all()


def test_it_measures_what_is_followed_and_mediapipe_s_network_single_pictures(
    face_model: Path, shot: Any, mediapipe: Measure
) -> None:
    with (
        OpenVinoLandmarker(face_model, video=True, max_faces=1) as following,
        OpenVinoLandmarker(face_model, video=False) as looking,
    ):
        (followed,), (seen,) = following.detect(shot(), 0.0), looking.detect(shot(), 0.0)
    assert np.array_equal(followed.blendshapes, load_distilled()(followed.landmarks_px))
    assert seen.blendshapes == pytest.approx(mediapipe(seen.landmarks_px), abs=1e-6)


def test_weights_of_another_network_are_refused() -> None:
    weights = load_file(weights_path(WEIGHTS))
    with pytest.raises(ModelError, match="lack"):
        DistilledBlendshapes({name: value for name, value in weights.items() if name != "skip.weight"})
    with pytest.raises(ModelError, match="do not fit"):
        DistilledBlendshapes(weights | {"hidden.1.bias": np.zeros(7, np.float32)})

"""What of the network's layers shows: nothing that it would change at rest, no skin but around lips and lids."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.pose import fit_pose
from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import face_window
from avatar.generator.identity import Identity
from avatar.generator.layer_trust import REST_TONE, TONE_BELIEVED, LayerTrust
from avatar.generator.network_input import CONDITION_SIZE, INNER
from avatar.types import F32

LEFT, TOP, RIGHT, BOTTOM = INNER
AT_REST = np.full(CONDITION_SIZE, 0.1, np.float32)


def layers(shift: float, tone: float, add: int = 90, keep: int = 60) -> FrameLayers:
    inner = (BOTTOM - TOP, RIGHT - LEFT, 4)
    return FrameLayers(
        np.full(inner, add, np.uint8),
        np.full(inner, keep, np.uint8),
        np.full((64, 64, 2), shift, np.float32),
        np.full((32, 32, 3), tone, np.float32),
    )


@pytest.fixture
def landmarks(astronaut: Identity) -> F32:
    landmarks = astronaut.rest.landmarks_px
    return face_window(fit_pose(landmarks)).to_picture(landmarks)


def test_a_face_at_rest_is_not_shifted(landmarks: F32) -> None:
    made = layers(1.5, 8.0)
    believed = LayerTrust(made, AT_REST).believed(made, AT_REST, landmarks)
    assert np.abs(believed.shift).max() < 1e-6
    assert believed.tone == pytest.approx((TONE_BELIEVED - REST_TONE) * 8.0)


def test_what_differs_from_rest_stays(landmarks: F32) -> None:
    trust = LayerTrust(layers(1.5, 8.0), AT_REST)
    smiling = AT_REST.copy()
    smiling[:9] = 1
    believed = trust.believed(layers(-1.0, 0.0), smiling, landmarks)
    assert believed.shift == pytest.approx(-1.0, abs=0.01)
    assert believed.tone == pytest.approx(-REST_TONE * 8.0)
    slightly = AT_REST + np.float32(0.02)
    assert -2.5 < trust.believed(layers(-1.0, 0.0), slightly, landmarks).shift.min() < -1.5


def test_pixels_are_drawn_on_lips_and_lids_alone(landmarks: F32) -> None:
    made = layers(0.0, 0.0)
    believed = LayerTrust(made, AT_REST).believed(made, AT_REST, landmarks)

    def at(point: F32) -> tuple[int, int]:
        column, row = np.rint(point[:2]).astype(int)
        return int(row - TOP), int(column - LEFT)

    lips, eye = landmarks[mesh.UPPER_LIP_CENTRE], landmarks[list(mesh.RIGHT_EYE_OPENING)].mean(axis=0)
    for drawn in (at(lips), at(eye)):
        assert believed.add[drawn].tolist() == made.add[drawn].tolist()
        assert believed.keep[drawn].tolist() == made.keep[drawn].tolist()
    cheek = (landmarks[list(mesh.RIGHT_EYE_OPENING)].mean(axis=0) + landmarks[mesh.MOUTH_CORNERS[0]]) / 2
    assert believed.add[at(cheek)].max() == 0 and believed.keep[at(cheek)].min() == 255

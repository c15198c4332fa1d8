"""Between two frames of the network its layers go where the face goes."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face.pose import mean_head, to_pixels
from avatar.generator.engines.engine import FrameLayers
from avatar.generator.face_crop import CROP_SIZE, face_window
from avatar.generator.layer_warp import warp_layers
from avatar.generator.network_input import INNER
from avatar.types import F32, HeadPose

POSE = HeadPose(np.eye(3, dtype=np.float32), np.array([300, 300, 0], np.float32), 100.0)


@pytest.fixture(scope="module")
def face() -> F32:
    return face_window(POSE).to_picture(to_pixels(mean_head(), POSE))


def dot_at(place: F32) -> FrameLayers:
    """Layers with one bright spot."""
    add = np.zeros((CROP_SIZE, CROP_SIZE, 4), np.uint8)
    x, y = np.rint(place[:2]).astype(int)
    add[y - 2 : y + 3, x - 2 : x + 3] = 255
    left, top, right, bottom = INNER
    add = add[top:bottom, left:right]
    return FrameLayers(add, 255 - add, np.zeros((64, 64, 2), np.float32), np.zeros((32, 32, 3), np.float32))


def middle(layers: FrameLayers) -> F32:
    rows, columns = np.nonzero(layers.add[..., 0] > 60)
    return np.array([columns.mean(), rows.mean()], np.float32)


def test_on_a_still_face_layers_stay(face: F32) -> None:
    layers = dot_at(face[1])
    found = warp_layers(layers, face, face)
    assert np.abs(found.add - layers.add).mean() < 0.05 and np.abs(found.keep - layers.keep).mean() < 0.001


def test_what_lies_on_the_chin_falls_with_the_jaw(face: F32) -> None:
    fallen = face.copy()
    below = face[:, 1] > face[14, 1]
    fallen[below, 1] += 8
    layers = dot_at(face[18])  # below the lower lip
    assert middle(warp_layers(layers, face, fallen)) == pytest.approx(middle(layers) + np.array([0, 8]), abs=1.0)


def test_what_lies_on_the_forehead_stays_meanwhile(face: F32) -> None:
    fallen = face.copy()
    fallen[face[:, 1] > face[14, 1], 1] += 8
    layers = dot_at(face[9])
    assert middle(warp_layers(layers, face, fallen)) == pytest.approx(middle(layers), abs=0.3)

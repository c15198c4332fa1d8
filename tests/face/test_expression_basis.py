"""The expression basis as shipped: coefficients do what their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from avatar.errors import ModelError
from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.types import BLENDSHAPE_INDEX, F32


def effect(name: str, value: float = 1.0) -> F32:
    coefficients = np.zeros(52, np.float32)
    coefficients[BLENDSHAPE_INDEX[name]] = value
    return load_basis().displacement(coefficients)


def test_nothing_moves_at_rest() -> None:
    assert not load_basis().displacement(np.zeros(52, np.float32)).any()


def test_an_open_jaw_lowers_chin_and_lower_lip_and_leaves_the_forehead() -> None:
    moved = effect("jawOpen")
    assert moved[mesh.CHIN, 1] > 0.1 and moved[mesh.LOWER_LIP_CENTRE, 1] > 0.1
    assert np.abs(moved[mesh.FOREHEAD]).max() < 0.05
    assert moved[mesh.LOWER_LIP_CENTRE, 1] > moved[mesh.UPPER_LIP_CENTRE, 1] + 0.1


def test_a_smile_widens_the_mouth_and_lifts_its_corner() -> None:
    both = effect("mouthSmileLeft") + effect("mouthSmileRight")
    right, left = mesh.MOUTH_CORNERS
    assert both[left, 0] - both[right, 0] > 0.02
    assert both[left, 1] < -0.01 and both[right, 1] < -0.01


def test_raised_brows_rise() -> None:
    assert effect("browInnerUp")[[107, 336], 1].max() < -0.01


def test_twice_the_coefficient_is_twice_the_way() -> None:
    assert effect("jawOpen", 0.8) == pytest.approx(2 * effect("jawOpen", 0.4), abs=1e-6)


def test_a_file_of_another_shape_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "face_basis.safetensors"
    save_file({"blendshapes": np.zeros((10, 468, 3), np.float32)}, path)
    monkeypatch.setattr("avatar.resources.weights_path", lambda _: path)
    with pytest.raises(ModelError, match="not this version"):
        load_basis.__wrapped__()

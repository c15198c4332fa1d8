"""Closing lids stretch skin, not lashes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.lashes import LASH_SHARE, LashStrips
from avatar.generator.rig import Rig
from avatar.types import Motion


@pytest.fixture
def rig(astronaut: Identity) -> Rig:
    return Rig(astronaut.rest.landmarks_px, load_basis())


def strip_widths(strips: LashStrips, landmarks: np.ndarray) -> np.ndarray:
    edges = landmarks[[*mesh.RIGHT_UPPER_LID, *mesh.LEFT_UPPER_LID]]
    return np.linalg.norm(strips.add(landmarks)[mesh.VERTICES :, :2] - edges[:, :2], axis=1)


def test_lashes_keep_their_width_as_the_eye_closes(rig: Rig, move: Callable[..., Motion]) -> None:
    strips = LashStrips(rig.rest)
    shut = move(eyeBlinkLeft=1, eyeBlinkRight=1)
    closed = rig.landmarks(shut, rig.pose(shut))
    assert strip_widths(strips, closed) == pytest.approx(strip_widths(strips, rig.rest), rel=0.05)


def test_at_rest_the_strip_lies_within_the_lid(rig: Rig) -> None:
    crease = rig.rest[[*mesh.RIGHT_LID_CREASE, *mesh.LEFT_LID_CREASE]]
    edge = rig.rest[[*mesh.RIGHT_UPPER_LID, *mesh.LEFT_UPPER_LID]]
    added = LashStrips(rig.rest).add(rig.rest)[mesh.VERTICES :]
    assert added == pytest.approx(edge + LASH_SHARE * (crease - edge), abs=1e-3)


def test_the_strips_use_every_added_vertex_and_no_other() -> None:
    used = set(LashStrips.triangles().ravel().tolist())
    assert {number for number in used if number >= mesh.VERTICES} == set(range(mesh.VERTICES, mesh.VERTICES + 14))

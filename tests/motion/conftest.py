"""A driver before a camera whose every move is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.types import FaceState, Motion

Driver = Callable[..., FaceState]


@pytest.fixture(scope="session")
def driver(astronaut: Identity, move: Callable[..., Motion]) -> Driver:
    """Return what a tracker sees of a face that moves as told, in a camera picture `zoom` times the usual size."""
    rig = Rig(astronaut.rest.landmarks_px, load_basis())

    def see(
        time_s: float = 0.0, *, zoom: float = 1.0, confidence: float = 1.0, **how: float | tuple[float, float]
    ) -> FaceState:
        motion = move(time_s, **how)
        landmarks = rig.landmarks(motion, rig.pose(motion)) * np.float32(zoom)
        coefficients = np.clip(astronaut.rest.blendshapes + motion.blendshapes, 0, 1)
        return FaceState(
            time_s=time_s,
            landmarks_px=landmarks,
            blendshapes=coefficients.astype(np.float32),
            pose=fit_pose(landmarks),
            confidence=confidence,
            frame_size=(round(640 * zoom), round(480 * zoom)),
        )

    return see

"""The bad camera of the camera-and-voice benchmark is bad in the ways it says, and not in others."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face import mesh
from avatar.types import FaceState, HeadPose
from benchmarks.camera_voice import LIPS, NOISE_SHARE, gap, spoiled


def faces(count: int) -> list[tuple[float, FaceState | None]]:
    points = np.zeros((478, 3), np.float32)
    points[263, 0] = 100
    pose = HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0)
    return [
        (index / 25, FaceState(index / 25, points + index, np.full(52, 0.5, np.float32), pose, 1.0, (640, 480)))
        for index in range(count)
    ]


def test_a_bad_camera_sees_every_second_frame_with_noise() -> None:
    good = faces(40)
    bad = spoiled(good)
    shown = [face.landmarks_px for _, face in bad if face is not None]
    assert len(bad) == len(shown) == 40
    assert all(np.array_equal(shown[index], shown[index + 1]) for index in range(0, 40, 2))
    noise = np.array([shown[index] - good[index][1].landmarks_px for index in range(0, 40, 2)])  # type: ignore[union-attr]
    assert noise.std() == pytest.approx(100 * NOISE_SHARE, rel=0.05)
    assert [face.time_s for _, face in bad if face is not None] == [time_s for time_s, _ in good]


def test_the_gap_is_between_the_middles_of_the_inner_lips() -> None:
    points = np.zeros((478, 3), np.float32)
    points[mesh.UPPER_LIP_CENTRE, 1], points[mesh.LOWER_LIP_CENTRE, 1] = 1.0, 1.25
    assert gap(points[None][:, LIPS]) == pytest.approx([0.25])

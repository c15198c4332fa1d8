"""How a photo is cut for a picture of any shape."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.generator.framing import FACE_SHARE, frame_window
from avatar.types import F32

SIZES = [(512, 512), (1280, 720), (360, 640)]


def face(x: float, y: float, size: float) -> F32:
    """A box-shaped face of a size around a point."""
    corners = np.array([[-0.4, -0.5, 0], [0.4, -0.5, -0.2], [0.4, 0.5, 0], [-0.4, 0.5, 0.2]], np.float32)
    return (corners * size + np.array([x, y, 0])).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_a_portrait_with_room_shows_head_and_shoulders(size: tuple[int, int]) -> None:
    window = frame_window(face(1000, 900, 300), (2000, 2000), size)
    placed = window.to_picture(face(1000, 900, 300))
    assert np.ptp(placed[:, 1]) == pytest.approx(FACE_SHARE * size[1], rel=0.01)
    assert placed[:, 0].mean() == pytest.approx(size[0] / 2, abs=1)
    assert 0.4 * size[1] < placed[:, 1].mean() < 0.55 * size[1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("at", [(150, 150), (1850, 1850), (150, 1000)])
def test_a_face_near_the_edge_is_shown_without_inventing_what_lies_beyond(
    size: tuple[int, int], at: tuple[int, int]
) -> None:
    window = frame_window(face(*at, 240), (2000, 2000), size)
    assert window.left >= 0 and window.top >= 0
    assert window.left + size[0] / window.scale <= 2000 + 1e-6 and window.top + size[1] / window.scale <= 2000 + 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_a_close_up_is_never_cut_into_the_face(size: tuple[int, int]) -> None:
    low, high = (window := frame_window(face(200, 200, 390), (400, 400), size)).to_picture(face(200, 200, 390))[[0, 2]]
    assert (low[:2] >= 0).all() and high[1] <= size[1], window
    assert high[1] - low[1] < 0.7 * size[1], "room for the head to move"


def test_the_map_for_pictures_and_the_map_for_points_agree() -> None:
    window = frame_window(face(330, 410, 222), (800, 900), (512, 512))
    points = face(330, 410, 222)
    by_matrix = points[:, :2] @ window.photo_to_picture[:, :2].T + window.photo_to_picture[:, 2]
    assert window.to_picture(points)[:, :2] == pytest.approx(by_matrix, abs=1e-2)
    assert np.ptp(window.to_picture(points)[:, 2]) == pytest.approx(window.scale * np.ptp(points[:, 2]), rel=1e-4)


def test_placing_leaves_the_landmarks_as_they_were() -> None:
    points = face(330, 410, 222)
    frame_window(points, (800, 900), (512, 512)).to_picture(points)
    assert np.array_equal(points, face(330, 410, 222))

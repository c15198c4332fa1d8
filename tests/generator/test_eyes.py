"""Eyeballs behind lids: the iris moves by itself and lids slide over it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.eyes import Eyeballs
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.types import F32, Motion

Move = Callable[..., Motion]
SIZE = (800, 1000)


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    """Twice as large as the photo, as a close-up shows it."""
    return Rig(2 * astronaut.rest.landmarks_px, load_basis())


def maps(rig: Rig, motion: Motion) -> tuple[F32, F32, F32]:
    """Return the backward maps, -1 where no eye writes, and the landmarks."""
    landmarks = rig.landmarks(motion, rig.pose(motion))
    places = np.full((2, *SIZE), -1, np.float32)
    Eyeballs(rig.rest).write(places, landmarks)
    return places[0], places[1], landmarks


def source(rig: Rig, motion: Motion, iris: int) -> tuple[F32, F32]:
    """Return where the pixel at an iris' centre comes from, and the iris' centre at rest."""
    map_x, map_y, landmarks = maps(rig, motion)
    x, y = np.rint(landmarks[iris, :2]).astype(int)
    return np.array([map_x[y, x], map_y[y, x]]) - (landmarks[iris, :2] - (x, y)), rig.rest[iris, :2]


def test_at_rest_each_pixel_of_the_eyes_comes_from_its_own_place(rig: Rig, move: Move) -> None:
    map_x, map_y, _ = maps(rig, move())
    rows, columns = np.nonzero(map_x >= 0)
    assert len(rows) > 300
    assert map_x[rows, columns] == pytest.approx(columns, abs=0.2)
    assert map_y[rows, columns] == pytest.approx(rows, abs=0.2)


@pytest.mark.parametrize("iris", [mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]])
@pytest.mark.parametrize("gaze", [(0.12, 0.0), (-0.12, 0.0), (0.0, 0.05)])
def test_the_iris_is_seen_where_it_looks(rig: Rig, move: Move, iris: int, gaze: tuple[float, float]) -> None:
    seen, rest = source(rig, move(gaze=gaze), iris)
    assert seen == pytest.approx(rest, abs=1.5)


@pytest.mark.parametrize("gaze", [(0.15, 0.0), (-0.15, 0.0)])
def test_a_glance_to_the_side_leaves_the_iris_round(rig: Rig, move: Move, gaze: tuple[float, float]) -> None:
    map_x, _, landmarks = maps(rig, move(gaze=gaze))
    for iris in (mesh.RIGHT_IRIS, mesh.LEFT_IRIS):
        ring = landmarks[list(iris[1:]), :2]
        x, y = np.rint(landmarks[iris[0], :2]).astype(int)
        radius = int(np.ptp(ring[:, 0]) / 2)
        seen = map_x[y, x - radius : x + radius + 1]
        steps = np.diff(seen)[(seen[:-1] >= 0) & (seen[1:] >= 0)]
        assert len(steps) > radius and steps == pytest.approx(1, abs=0.15)


def test_a_turned_head_takes_its_eyes_along(rig: Rig, move: Move) -> None:
    for iris in (mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0]):
        seen, rest = source(rig, move(yaw=10, roll=8, shift=(0.1, 0.1)), iris)
        assert seen == pytest.approx(rest, abs=1.5)


def test_half_closed_lids_cover_the_eye_rather_than_squeeze_it(rig: Rig, move: Move) -> None:
    """What still shows of the eye shows it as large as before."""
    map_x, map_y, _ = maps(rig, move(eyeBlinkLeft=0.5, eyeBlinkRight=0.5))
    rows, columns = np.nonzero((map_x[:-1] >= 0) & (map_x[1:] >= 0))
    steps = map_y[rows + 1, columns] - map_y[rows, columns]
    assert np.median(steps) == pytest.approx(1, abs=0.1)
    assert (map_x >= 0).sum() < 0.75 * (maps(rig, move())[0] >= 0).sum()


def test_closed_lids_show_next_to_nothing_of_the_eye(rig: Rig, move: Move) -> None:
    open_pixels = (maps(rig, move())[0] >= 0).sum()
    assert (maps(rig, move(eyeBlinkLeft=1, eyeBlinkRight=1))[0] >= 0).sum() < 0.2 * open_pixels


def test_an_eye_outside_the_picture_writes_nothing(rig: Rig) -> None:
    for shift in (-5000, 5000):
        places = np.full((2, *SIZE), -1, np.float32)
        Eyeballs(rig.rest).write(places, (rig.rest + np.array([shift, 0, 0])).astype(np.float32))
        assert (places == -1).all()

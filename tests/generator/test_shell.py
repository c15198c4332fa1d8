"""Everything around the face: hair goes with the head, the body stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.generator.identity import Identity
from avatar.generator.rig import Rig
from avatar.generator.shell import STEP_PX, HeadShell, places_of
from avatar.types import F32, Motion

Move = Callable[..., Motion]
WIDTH, HEIGHT = 499, 398


@pytest.fixture(scope="module")
def rig(astronaut: Identity) -> Rig:
    return Rig(astronaut.rest.landmarks_px, load_basis())


@pytest.fixture(scope="module")
def shell(rig: Rig) -> HeadShell:
    return HeadShell(rig.rest, rig.rest_pose, (WIDTH, HEIGHT))


def shift(shell: HeadShell, rig: Rig, motion: Motion) -> F32:
    """Return how far each pixel's source lies away, (height, width, 2)."""
    pose = rig.pose(motion)
    x, y = places_of(shell.displacements(rig.landmarks(motion, pose), pose), 1)[:, :HEIGHT, :WIDTH]
    assert x.shape == y.shape == (HEIGHT, WIDTH) and x.dtype == np.float32
    return np.stack([x - np.arange(WIDTH)[None, :], y - np.arange(HEIGHT)[:, None]], axis=-1)


def outside_face(rig: Rig) -> np.ndarray:
    low, high = rig.rest[:, :2].min(axis=0), rig.rest[:, :2].max(axis=0)
    x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
    return np.asarray((x < low[0]) | (x > high[0]) | (y < low[1]) | (y > high[1]))


def test_at_rest_nothing_around_the_face_moves(shell: HeadShell, rig: Rig, move: Move) -> None:
    assert np.abs(shift(shell, rig, move())[outside_face(rig)]).max() < 0.25, "a quarter of a pixel"


def test_hair_goes_where_the_head_goes(shell: HeadShell, rig: Rig, move: Move) -> None:
    unit = rig.rest_pose.scale
    by = shift(shell, rig, move(shift=(0.2, 0.0)))
    x, y = np.rint(rig.rest[mesh.FOREHEAD, :2]).astype(int)
    above = by[y - round(0.3 * unit), x]
    assert above == pytest.approx([-0.2 * unit, 0], abs=0.06 * unit)


def test_the_body_stays_where_it_is(shell: HeadShell, rig: Rig, move: Move) -> None:
    for motion in (move(yaw=15), move(pitch=-10), move(shift=(0.2, 0.1)), move(roll=10)):
        by = shift(shell, rig, motion)
        chin, face = rig.rest[mesh.CHIN, 1], rig.rest[mesh.CHIN, 1] - rig.rest[mesh.FOREHEAD, 1]
        below = round(float(chin + 1.3 * face))
        assert below < HEIGHT
        assert np.abs(by[below:]).max() < 0.1


def test_a_falling_jaw_takes_the_skin_below_the_chin_along(shell: HeadShell, rig: Rig, move: Move) -> None:
    by = shift(shell, rig, move(jawOpen=0.8))
    x, y = np.rint(rig.rest[mesh.CHIN, :2]).astype(int)
    near, far = by[y + 8, x, 1], by[y + 60, x, 1]
    assert near < -2 and abs(far) < abs(near) / 2, "most at the chin, less further down"


def test_the_field_has_no_rips(shell: HeadShell, rig: Rig, move: Move) -> None:
    by = shift(shell, rig, move(yaw=18, pitch=8, roll=10, shift=(0.2, 0.1)))
    outside = outside_face(rig)
    steps = np.abs(np.diff(by, axis=1)).max(axis=2)
    assert steps[outside[:, 1:] & outside[:, :-1]].max() < 5, "pixels from one to the next"
    assert np.isfinite(by).all()


@pytest.mark.parametrize("size", [(128, 128), (131, 97), (1280, 720)])
def test_pictures_of_any_size_are_covered(rig: Rig, size: tuple[int, int]) -> None:
    field = HeadShell(rig.rest, rig.rest_pose, size).displacements(rig.rest, rig.rest_pose)
    _, height, width = places_of(field, 1).shape
    assert 0 <= height - size[1] < STEP_PX and 0 <= width - size[0] < STEP_PX


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are looked at where Linux lists them")
def test_a_large_picture_wakes_no_threads_of_openblas(rig: Rig, tmp_path: Path) -> None:
    """In a program of the user's own nothing holds them back, and they cost as much as the drawing itself."""
    code = """
import os, sys, time
from pathlib import Path
import numpy as np
from avatar.face.pose import fit_pose
from avatar.generator.shell import HeadShell

def others_ns():
    tasks = Path("/proc/self/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks if task.name != str(os.getpid()))

landmarks = np.load(sys.argv[1])
pose = fit_pose(landmarks)
shell = HeadShell(landmarks, pose, (1024, 1024))
time.sleep(0.5)  # threads that were woken until here go on looking for work for a while
before = others_ns()
for _ in range(5):
    shell.displacements(landmarks, pose)
print((others_ns() - before) / 1e6)
"""
    np.save(tmp_path / "landmarks.npy", rig.rest * np.float32(1000 / rig.rest.max()))
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", code, str(tmp_path / "landmarks.npy")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert float(shown.stdout) < 1, "milliseconds"

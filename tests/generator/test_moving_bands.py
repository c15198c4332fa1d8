"""Only what a motion changes is drawn anew: bands hold all of it, and hardly more."""

from __future__ import annotations

import numpy as np

from avatar.generator.moving_bands import MovingNodes, bands
from avatar.generator.shell import STEP_PX

NODES = (20, 30)
FACE = (80.0, 40.0, 150.0, 100.0)


def held(found: list[tuple[slice, slice]]) -> np.ndarray:
    """Return how many bands hold each node."""
    count = np.zeros(NODES, int)
    for rows, columns in found:
        count[rows, columns] += 1
    return count


def test_bands_hold_all_that_moves_once_and_the_first_the_face() -> None:
    rng = np.random.default_rng(5)
    for share in (0.0, 0.01, 0.3):
        moves = rng.random(NODES) < share
        found = bands(moves, FACE)
        assert (held(found)[moves] == 1).all() and held(found).max() <= 1
        rows, columns = found[0]
        assert rows.start * STEP_PX <= FACE[1] and rows.stop * STEP_PX > FACE[3]
        assert columns.start * STEP_PX <= FACE[0] and columns.stop * STEP_PX > FACE[2]


def test_beside_a_narrow_head_nothing_is_drawn() -> None:
    moves = np.zeros(NODES, bool)
    moves[:, 10:18] = True
    assert held(bands(moves, FACE)).sum() <= 1.3 * moves.sum()


def test_a_face_beyond_the_picture_leaves_a_band_within_it() -> None:
    for face in ((-900.0, -900.0, -800.0, -700.0), (1e30, 1e30, np.inf, np.inf)):
        rows, columns = bands(np.zeros(NODES, bool), face)[0]
        assert 0 <= rows.start < rows.stop <= NODES[0] and 0 <= columns.start < columns.stop <= NODES[1]


def test_a_person_counts_where_it_was_and_where_it_comes_to() -> None:
    spare = 20
    matte = np.zeros((NODES[0] * STEP_PX + 2 * spare, NODES[1] * STEP_PX + 2 * spare), np.uint8)
    matte[spare + 40 : spare + 48, spare + 40 : spare + 48] = 255  # node (5, 5)
    nodes = MovingNodes(matte, spare)
    field = np.zeros((*NODES, 2), np.float32)
    assert not nodes.moving(field).any()
    field[..., 0] = -10 * STEP_PX
    moving = nodes.moving(field)
    assert moving[5, 5] and moving[5, 15] and not moving[5, 25] and not moving[15].any()

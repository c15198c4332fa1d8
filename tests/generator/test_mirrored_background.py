"""What is guessed of the background behind a person."""

from __future__ import annotations

import numpy as np

from avatar.generator.matte import background_plate
from avatar.generator.mirrored_background import mirrored
from avatar.types import F32, U8

MARGIN = 4


def person() -> U8:
    hidden = np.zeros((120, 160), np.uint8)
    hidden[30:, 50:110] = 1
    return hidden


def detail() -> F32:
    return np.random.default_rng(0).normal(0, 20, (120, 160, 3)).astype(np.float32)


def test_beside_a_persons_edge_the_background_is_seen_as_in_a_mirror() -> None:
    wall = np.repeat(detail()[:, :1], 160, axis=1)  # level lines: as they are at any distance
    shown = mirrored(wall, person(), MARGIN)
    near = slice(60, 110), slice(54, 58)
    assert np.corrcoef(shown[near].ravel(), wall[near].ravel())[0, 1] > 0.95
    assert not shown[:20].any() and not shown[:, :40].any(), "the photo itself is left alone"


def test_far_from_all_edges_there_is_no_guess() -> None:
    assert not mirrored(detail(), person(), MARGIN)[60:, 77:83].any()


def test_nobody_and_nothing_but_a_person_leave_no_guess() -> None:
    for hidden in (np.zeros((120, 160), np.uint8), np.ones((120, 160), np.uint8)):
        shown = mirrored(detail(), hidden, MARGIN)
        assert np.isfinite(shown).all() and not shown.any()


def test_a_head_uncovers_a_wall_as_rough_as_the_wall_is() -> None:
    photo = np.clip(128 + detail(), 0, 255).astype(np.uint8)
    plate = background_plate(photo, person() * 255, MARGIN).astype(np.float32)
    uncovered = plate[50:110, 52:56]
    assert np.std(uncovered) > 0.5 * np.std(photo[50:110, 20:40].astype(np.float32))
    assert abs(uncovered.mean() - 128) < 6, "and as light"

"""How many calls a network holds follows from what its batches take."""

from __future__ import annotations

from benchmarks.gpu import FPS, calls_held


def test_where_batches_save_nothing_it_holds_what_it_draws_one_by_one() -> None:
    assert calls_held({1: 8.0, 2: 16.0, 4: 32.0}) == int(1000 / 8 / FPS)


def test_where_batches_cost_little_more_than_one_it_holds_many_more() -> None:
    assert calls_held({1: 8.0, 2: 8.5, 4: 9.0, 8: 10.0}) > 20


def test_what_takes_longer_than_a_picture_lasts_holds_none() -> None:
    assert calls_held({1: 50.0, 2: 90.0}) == 0

"""Batches that are recorded by their size: which sizes, and what comes back. A stand-in records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from avatar.generator.engines.cuda_graph import SizedGraphs, padded_size


class Recorder:
    """Records as a GPU does: outputs lie in memory that the next run overwrites."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, network: Callable[..., Sequence[Any]], inputs: Sequence[Any]) -> Callable[..., list[Any]]:
        self.sizes.append(len(inputs[0]))
        return lambda new: list(network(*new))


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (17, 32)])
def test_batches_are_filled_up_to_powers_of_two(count: int, size: int) -> None:
    assert padded_size(count) == size


def test_each_size_is_recorded_once_and_only_what_was_asked_for_comes_back() -> None:
    recorder = Recorder()
    run = SizedGraphs(lambda x, y: (x + y,), recorder)
    for count in (3, 4, 1, 3):
        x = np.arange(count)[:, None]
        (found,) = run([x, 10 * x])
        assert found[:, 0].tolist() == [11 * number for number in range(count)]
    assert recorder.sizes == [4, 1]

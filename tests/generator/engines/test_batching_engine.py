"""Many threads ask one network for frames: each gets its own, and what fails is told to those it concerns."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from avatar.generator.engines.batching_engine import BatchingEngine


class Doubling:
    """A network that answers twice a frame's number."""

    name, tier, largest_batch = "doubling", "lite", 4

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()

    def encode(self, rgb: Any) -> str:
        return "latents"

    def decode(self, frame: Any) -> Any:
        return self.decode_batch([frame])[0]

    def decode_batch(self, frames: Sequence[Any]) -> list[Any]:
        self.entered.set()
        assert self.hold.wait(5)
        self.batches.append(len(frames))
        if any(frame < 0 for frame in frames):
            raise RuntimeError("a frame of nothing")
        return [2 * frame for frame in frames]


def test_a_lone_call_is_drawn_alone() -> None:
    network = Doubling()
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    assert [engine.decode(number) for number in range(5)] == [0, 2, 4, 6, 8]
    assert network.batches == [1] * 5
    assert engine.encode(np.zeros(3)) == "latents"


def test_frames_that_come_while_it_is_busy_are_drawn_together() -> None:
    network = Doubling()
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    network.hold.clear()
    with ThreadPoolExecutor(7) as threads:
        first = threads.submit(engine.decode, 100)
        assert network.entered.wait(5)
        rest = [threads.submit(engine.decode, number) for number in range(6)]
        while len(engine._batcher._waiting) < 6:
            pass
        network.hold.set()
        assert first.result(5) == 200
        assert [one.result(5) for one in rest] == [2 * number for number in range(6)]
    assert network.batches == [1, 4, 2]


def test_every_thread_gets_its_own_frames() -> None:
    engine: Any = BatchingEngine(Doubling())  # type: ignore[arg-type]

    def call(number: int) -> bool:
        return all(engine.decode(1000 * number + at) == 2 * (1000 * number + at) for at in range(200))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(call, range(8)))


def test_a_batch_that_fails_is_told_and_the_next_goes_on() -> None:
    engine: Any = BatchingEngine(Doubling())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="of nothing"):
        engine.decode(-1)
    assert engine.decode(3) == 6

"""Many threads ask one network for frames: each gets its own, and what fails is told to those it concerns."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from avatar.errors import GpuMemoryError
from avatar.generator.engines.batching_engine import BatchingEngine


class Doubling:
    """A network that answers twice a frame's number."""

    name, tier, largest_batch = "doubling", "lite", 4

    def __init__(self, memory: int = 99) -> None:
        self.batches: list[int] = []
        self.memory = memory
        """Is enough for so many frames at once."""
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()

    def encode(self, rgb: Any) -> str:
        return "latents"

    def decode(self, frame: Any) -> Any:
        return self.decode_batch([frame])[0]

    def decode_batch(self, frames: Sequence[Any]) -> list[Any]:
        self.entered.set()
        assert self.hold.wait(60)
        self.batches.append(len(frames))
        if len(frames) > self.memory:
            raise GpuMemoryError("The GPU's memory is full (2 GiB were asked for).")
        if any(frame < 0 for frame in frames):
            raise RuntimeError("a frame of nothing")
        return [2 * frame for frame in frames]


def test_a_lone_call_is_drawn_alone() -> None:
    network = Doubling()
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    assert [engine.decode(number) for number in range(5)] == [0, 2, 4, 6, 8]
    assert network.batches == [1] * 5
    assert engine.encode(np.zeros(3)) == "latents"


def drawn_at_once(engine: Any, network: Doubling, frames: Sequence[int]) -> list[Any]:
    """Return what threads get that ask for a frame each while the network is busy with another, the first."""
    network.hold.clear()
    network.entered.clear()
    with ThreadPoolExecutor(len(frames)) as threads:
        asked = [threads.submit(engine.decode, frames[0])]
        assert network.entered.wait(60)
        for frame in frames[1:]:
            asked.append(threads.submit(engine.decode, frame))
            while len(engine._batcher._waiting) < len(asked) - 1:
                time.sleep(0.001)
        network.hold.set()
        return [one.exception(60) or one.result() for one in asked]


def test_frames_that_come_while_it_is_busy_are_drawn_together() -> None:
    network = Doubling()
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    assert drawn_at_once(engine, network, range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert network.batches == [1, 4, 2]


def test_where_memory_is_short_fewer_are_drawn_at_once_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    network = Doubling(memory=2)
    network.largest_batch = 8
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    assert drawn_at_once(engine, network, range(6)) == [0, 2, 4, 6, 8, 10], "everyone has got its own all the same"
    assert network.batches == [1, 5, 4, 2, 2, 1], "halves are powers of two: sizes that are recorded already"
    assert "too full for 4 pictures at once: 2 from now on" in caplog.text
    network.batches.clear()
    assert drawn_at_once(engine, network, range(6)) == [0, 2, 4, 6, 8, 10]
    assert network.batches == [1, 2, 2, 1] and engine._batcher.largest == 2


def test_where_there_is_no_memory_for_one_it_is_told_to_who_draws() -> None:
    network = Doubling(memory=0)
    engine: Any = BatchingEngine(network)  # type: ignore[arg-type]
    with pytest.raises(GpuMemoryError, match="2 GiB"):
        engine.decode(1)
    network.memory = 1
    assert engine.decode(3) == 6


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

"""Packets are lost and late as asked, and never overtake each other."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from benchmarks.rough_network import Roughness, _Way

pytestmark = pytest.mark.anyio

CHANCE = random.Random(0)  # noqa: S311 - the same each time


async def test_packets_are_late_and_in_order() -> None:
    loop, all_there = asyncio.get_running_loop(), asyncio.Event()
    arrived: list[tuple[int, float]] = []

    def arrive(number: int) -> None:
        arrived.append((number, loop.time()))
        if len(arrived) == 50:
            all_there.set()

    way = _Way(Roughness(delay_s=0.05, jitter_s=0.02), CHANCE)
    sent_s = loop.time()
    for number in range(50):
        way.send(partial(arrive, number))
    await all_there.wait()
    assert [number for number, _ in arrived] == list(range(50))
    assert min(at_s for _, at_s in arrived) >= sent_s + 0.05


async def test_a_share_of_them_is_lost() -> None:
    arrived: list[int] = []
    way = _Way(Roughness(loss=0.3), CHANCE)
    for number in range(1000):
        way.send(partial(arrived.append, number))
    await asyncio.sleep(0.05)
    assert 650 < len(arrived) < 750

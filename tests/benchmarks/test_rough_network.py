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
    arrived: list[int] = []
    way = _Way(Roughness(delay_s=0.05, jitter_s=0.02), CHANCE)
    for number in range(50):
        way.send(partial(arrived.append, number))
    await asyncio.sleep(0.02)
    assert not arrived
    await asyncio.sleep(0.1)
    assert arrived == list(range(50))


async def test_a_share_of_them_is_lost() -> None:
    arrived: list[int] = []
    way = _Way(Roughness(loss=0.3), CHANCE)
    for number in range(1000):
        way.send(partial(arrived.append, number))
    await asyncio.sleep(0.05)
    assert 650 < len(arrived) < 750

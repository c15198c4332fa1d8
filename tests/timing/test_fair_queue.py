"""Visitors by turns, and a share of the places for each."""

from __future__ import annotations

import asyncio

import pytest

from avatar.errors import ServerFullError
from avatar.timing.fair_queue import FairQueue, Places

pytestmark = pytest.mark.anyio


async def in_line(line: FairQueue, visitors: str) -> tuple[list[asyncio.Task[None]], list[str]]:
    """Let each letter be a visitor's piece of work that takes no time; return their tasks and the order of work."""
    served: list[str] = []

    async def work(visitor: str) -> None:
        await line.turn(visitor)
        served.append(visitor)

    tasks = [asyncio.create_task(work(visitor)) for visitor in visitors]
    await asyncio.sleep(0)
    return tasks, served


async def work_off(line: FairQueue) -> None:
    while len(line):
        line.done()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_visitors_take_turns() -> None:
    line = FairQueue()
    _, served = await in_line(line, "aaaabbc")
    assert len(line) == 7
    await work_off(line)
    assert "".join(served) == "aabcaba", "the first was served at once, before anybody else was there"


async def test_who_leaves_the_line_holds_nobody_up() -> None:
    line = FairQueue()
    tasks, served = await in_line(line, "abbc")
    tasks[1].cancel()
    line.done()
    tasks[2].cancel()  # in the moment its turn came, or while it waits
    await asyncio.sleep(0)
    await work_off(line)
    assert served[0] == "a"
    assert "c" in served
    assert len(line) == 0


def test_a_visitor_has_a_share_of_the_places() -> None:
    places = Places(3, 2)
    with places.taken_by("a"), places.taken_by("a"):
        with pytest.raises(ServerFullError), places.taken_by("a"):
            pass
        with places.taken_by("b"), pytest.raises(ServerFullError), places.taken_by("c"):
            pass
    with places.taken_by("a"), places.taken_by("c"):
        pass

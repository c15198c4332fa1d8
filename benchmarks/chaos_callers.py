"""Callers of a server that bad things happen to, and whether their calls go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks.call_media import still_packets
from benchmarks.light_caller import LightCaller, opus_packets
from benchmarks.line_relay import LineRelay
from benchmarks.server_process import ServerProcess

FACE = builtin_faces()[0].id
PICTURE_S = 30.0
"""Longest wait for a picture on a busy machine."""
SPAN_S = 5.0
"""So long it is looked at whether a call goes on."""


class Callers:
    """Callers of one server, all of whom leave at the end."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        with Image.open(builtin_faces()[0].image) as image:
            self._camera = still_packets(np.asarray(image.convert("RGB")), 1.0)
        self._sound = opus_packets(np.zeros(48_000, np.int16))
        self._made: list[LightCaller] = []

    async def join(self, route: LineRelay | None = None) -> LightCaller:
        """Return a caller that has seen a picture."""
        caller = LightCaller(self._server.url, self._camera, self._sound, route=route)
        self._made.append(caller)
        await caller.join(f"avatar={FACE}&width=256&height=256&drive=both")
        await asyncio.wait_for(caller.received.first_picture.wait(), PICTURE_S)
        return caller

    async def hang_up(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(caller.hang_up() for caller in self._made))


@asynccontextmanager
async def callers_of(server: ServerProcess) -> AsyncIterator[Callers]:
    """Let callers call a server."""
    callers = Callers(server)
    try:
        yield callers
    finally:
        await callers.hang_up()


def goodbyes(caller: LightCaller) -> list[dict[str, Any]]:
    """Return what a caller was told at the end of its call."""
    return [message for message in caller.received.messages if message["type"] == "bye"]


async def goes_on(caller: LightCaller) -> bool:
    """Watch a call for a while; return whether pictures still come at its end."""
    await asyncio.sleep(SPAN_S)
    before = len(caller.received.pictures)
    return await waited(lambda: len(caller.received.pictures) >= before + 3, SPAN_S) and not goodbyes(caller)


async def waited(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something that is noticed outside asyncio's reach, but no longer; return whether it happened."""
    end_s = time.monotonic() + seconds
    while not (happened := condition()) and time.monotonic() < end_s:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return happened

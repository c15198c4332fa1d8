"""A network worse than the loopback interface: packets between aioice and its sockets are lost and late, both ways.

Packets stay in order, as they do on most ways through the internet; a late one makes those behind it late.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from aioice.ice import StunProtocol


@dataclass(frozen=True, slots=True)
class Roughness:
    """How rough each of the two ways is."""

    loss: float = 0.0
    """Share of the packets that never arrive, each by chance of its own."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Most that comes on top of the delay, evenly spread."""


class _Way:
    """One direction of one connection."""

    def __init__(self, how: Roughness, chance: random.Random) -> None:
        self._how, self._chance = how, chance
        self._free_s = 0.0
        self._under_way: deque[Callable[[], object]] = deque()

    def send(self, deliver: Callable[[], object]) -> None:
        """Deliver a packet late, or never."""
        if self._chance.random() < self._how.loss:
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._how.delay_s + self._how.jitter_s * self._chance.random()
        self._free_s = max(self._free_s, due_s)
        # Timers of one moment go off in any order.
        self._under_way.append(deliver)
        loop.call_at(self._free_s, self._deliver_first)

    def _deliver_first(self) -> None:
        self._under_way.popleft()()


class _RoughTransport:
    """A datagram transport whose packets go a rough way."""

    def __init__(self, transport: Any, way: _Way) -> None:
        self._transport, self._way = transport, way

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self._way.send(lambda: None if self._transport.is_closing() else self._transport.sendto(data, address))


@contextmanager
def rough_network(how: Roughness, *, seed: int = 0) -> Iterator[None]:
    """Make every WebRTC connection that this process opens meanwhile a rough one."""
    chance = random.Random(seed)  # noqa: S311 - the same losses each time
    ways: dict[StunProtocol, _Way] = {}
    connect, receive = StunProtocol.connection_made, StunProtocol.datagram_received

    def connection_made(protocol: StunProtocol, transport: asyncio.BaseTransport) -> None:
        ways[protocol] = _Way(how, chance)
        connect(protocol, _RoughTransport(transport, _Way(how, chance)))  # type: ignore[arg-type]

    def datagram_received(protocol: StunProtocol, data: bytes | str, address: tuple[Any, ...]) -> None:
        ways[protocol].send(lambda: receive(protocol, data, address))

    with (
        mock.patch.object(StunProtocol, "connection_made", connection_made),
        mock.patch.object(StunProtocol, "datagram_received", datagram_received),
    ):
        yield

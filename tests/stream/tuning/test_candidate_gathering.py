"""The addresses that an answer names: ports of a range, and the one that others know the machine by."""

from __future__ import annotations

import inspect
import re
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import ModuleType

import aioice.ice
import pytest
from aioice import Candidate

from avatar.config import PortRange, TransportSettings
from avatar.errors import ServerFullError
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.candidate_gathering import announced
from tests.stream.tuning.test_transport_tuning import Listener

pytestmark = pytest.mark.anyio

LOOPBACK = TransportSettings(loopback_only=True)
CHANGED = "aioice has changed, and avatar/stream/tuning/candidate_gathering.py relies on it: "
PUBLIC = "203.0.113.7"


def free_ports(count: int) -> PortRange:
    """Return so many neighbouring ports, of which nobody has one now."""
    for first in range(43_000, 60_000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sockets[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
        return PortRange(first, first + count - 1)
    raise AssertionError("no free ports")


@asynccontextmanager
async def answering(settings: TransportSettings, client: object) -> AsyncIterator[str]:
    pool = ThreadPoolExecutor(1)
    peer = Peer(settings, fps=30, encode_pool=pool)
    listener = Listener()
    try:
        offer = read_offer(await client.offer(), limit_bytes=64_000)  # type: ignore[attr-defined]
        yield await peer.answer(offer, listener, listener)
    finally:
        await peer.close()
        pool.shutdown()


def named(answer: str) -> list[tuple[str, int]]:
    found = re.finditer(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) ", answer)
    return list(dict.fromkeys((one[1], int(one[2])) for one in found))  # each section repeats them


async def test_a_call_takes_a_port_of_the_range_and_gives_it_back(
    loopback: ModuleType, make: Callable[[], object]
) -> None:
    ports = free_ports(2)
    settings = replace(LOOPBACK, udp_ports=ports)
    async with AsyncExitStack() as calls:
        taken = {named(await calls.enter_async_context(answering(settings, make())))[0][1] for _ in range(2)}
        assert taken == {ports.first, ports.last}
        with pytest.raises(ServerFullError, match="--udp-ports"):
            await calls.enter_async_context(answering(settings, make()))
    client = make()
    async with answering(settings, client) as answer:
        assert ports.first <= named(answer)[0][1] <= ports.last
        await client.accept(answer)  # type: ignore[attr-defined]
        await loopback.wait_for(lambda: client.connection.connectionState == "connected")  # type: ignore[attr-defined]


async def test_the_announced_address_comes_first_with_the_same_port_and_calls_are_made(
    loopback: ModuleType, make: Callable[[], object]
) -> None:
    client = make()
    async with answering(replace(LOOPBACK, public_address=PUBLIC), client) as answer:
        (first, port), (second, same_port) = named(answer)
        assert (first, second) == (PUBLIC, "127.0.0.1") and port == same_port
        await client.accept(answer)  # type: ignore[attr-defined]
        await loopback.wait_for(lambda: client.connection.connectionState == "connected")  # type: ignore[attr-defined]


@pytest.fixture
async def make(loopback: ModuleType) -> AsyncIterator[Callable[[], object]]:
    clients = []

    def make_one() -> object:
        clients.append(loopback.Client(video="recvonly"))
        return clients[-1]

    yield make_one
    for client in clients:
        await client.close()


def test_an_address_of_another_version_and_relayed_ones_are_not_announced() -> None:
    def candidate(host: str, port: int, kind: str) -> Candidate:
        return Candidate("1", 1, "udp", 1, host, port, kind)

    own = [candidate("fd00::1", 5, "host"), candidate("10.0.0.2", 6, "host"), candidate("198.51.100.1", 7, "relay")]
    found = [(one.host, one.port) for one in announced([*own, candidate(PUBLIC, 6, "srflx")], PUBLIC)]
    assert found == [(PUBLIC, 6), ("fd00::1", 5), ("10.0.0.2", 6), ("198.51.100.1", 7)], "each address once"


def test_the_private_parts_that_gathering_touches_are_there() -> None:
    assert hasattr(aioice.ice.Connection, "get_component_candidates"), CHANGED + "the method that makes sockets"
    source = inspect.getsource(aioice.ice.Connection)
    assert "self._protocols" in source and "self.stun_server" in source, CHANGED + "where sockets and servers are kept"
    taken = inspect.signature(aioice.ice.server_reflexive_candidate).parameters
    assert list(taken) == ["protocol", "stun_server"], CHANGED + "asking a STUN server"
    assert list(inspect.signature(aioice.ice.StunProtocol).parameters) == ["receiver"], CHANGED + "a socket's protocol"

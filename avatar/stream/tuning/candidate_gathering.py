"""Where a connection's own addresses come from: UDP ports of a range, and the address that others know us by.

As in `aiortc_tuning`, private parts of aioice are touched on one connection's own objects only, and
`tests/stream/tuning/test_candidate_gathering.py` says in plain words which one has gone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, TypeAlias, cast

from aioice import Candidate
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aioice.turn import UDP_SOCKET_BUFFER_SIZE

from avatar.config import PortRange
from avatar.errors import ServerFullError
from avatar.stream.tuning.aiortc_tuning import private_name

GATHER_S: Final = 5.0
"""How long aioice waits for servers."""

Gather: TypeAlias = Callable[..., Awaitable[list[Candidate]]]
"""aioice's method: `component`, `addresses` and perhaps `timeout`, all by name."""


def gather_in_ports(agents: Iterable[Any], ports: PortRange) -> None:
    """Let these ICE agents' sockets have ports of a range; call it before addresses are gathered.

    That then raises ServerFullError where none is free at any of the machine's addresses.
    """
    # aioice binds to port 0 in the middle of a method, so the sockets are made here and the rest is left to it.
    for agent in agents:
        _replace(agent, partial(_in_ports, agent, ports))


def announce_address(agents: Iterable[Any], public_address: str) -> None:
    """Let these ICE agents name `public_address` first, with the ports of its own addresses of that version of IP.

    For a machine behind NAT that hands these ports on unchanged. Its own addresses are named too, for those who stand
    behind the same NAT. Call it after `gather_in_ports`, before addresses are gathered.
    """
    for agent in agents:
        _replace(agent, partial(_announcing, public_address))


def announced(candidates: Iterable[Candidate], public_address: str) -> list[Candidate]:
    """Return the candidates with those that `public_address` makes of them, first; each address once."""
    candidates = list(candidates)
    version = ipaddress.ip_address(public_address).version
    hosts = [one for one in candidates if one.type == "host" and ipaddress.ip_address(one.host).version == version]
    # As if the machine had that address itself: what a STUN server would tell, without the server.
    public = [_host_candidate(one.component, public_address, one.port) for one in hosts]
    by_address: dict[tuple[str, int], Candidate] = {}
    for one in [*public, *candidates]:
        by_address.setdefault((one.host, one.port), one)
    return list(by_address.values())


def _host_candidate(component: int, address: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", address),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=address,
        port=port,
        type="host",
    )


def _replace(agent: Any, change: Callable[[Gather], Gather]) -> None:
    name = private_name(agent, "get_component_candidates")
    setattr(agent, name, change(cast(Gather, getattr(agent, name))))


def _announcing(public_address: str, gather: Gather) -> Gather:
    async def gather_and_announce(**asked: Any) -> list[Candidate]:
        return announced(await gather(**asked), public_address)

    return gather_and_announce


def _in_ports(agent: Any, ports: PortRange, gather: Gather) -> Gather:
    async def gather_in_range(component: int, addresses: list[str], **asked: Any) -> list[Candidate]:
        bound = [await _bound(agent, component, address, ports) for address in addresses]
        protocols = [protocol for protocol in bound if protocol is not None]
        if addresses and not protocols:
            raise ServerFullError(
                f"All UDP ports of calls ({ports}) are taken. Try again in a moment, or give the server more "
                "(--udp-ports)."
            )
        getattr(agent, private_name(agent, "protocols")).extend(protocols)
        stun = getattr(agent, private_name(agent, "stun_server"))
        seen_by_stun = [
            one for one in protocols if stun and ipaddress.ip_address(one.local_candidate.host).version == 4
        ]
        reflexive, relayed = await asyncio.gather(
            _reflexive(seen_by_stun, stun, asked.get("timeout", GATHER_S)),
            gather(component=component, addresses=[], **asked),  # a TURN server's alone
        )
        return [*(one.local_candidate for one in protocols), *reflexive, *relayed]

    return gather_in_range


async def _reflexive(protocols: list[StunProtocol], stun: tuple[str, int], timeout_s: float) -> list[Candidate]:
    """Return the addresses that a STUN server sees, of those it answers in time."""
    tasks = [asyncio.create_task(server_reflexive_candidate(protocol, stun)) for protocol in protocols]
    if not tasks:
        return []
    done, late = await asyncio.wait(tasks, timeout=timeout_s)
    for task in late:
        task.cancel()
    return [task.result()[0] for task in done if task.exception() is None]


async def _bound(agent: Any, component: int, address: str, ports: PortRange) -> StunProtocol | None:
    """Return a socket at an address, at a port of the range; None where there is no free one, or no such address."""
    loop = asyncio.get_running_loop()
    first = random.randrange(len(ports))  # noqa: S311 - no secret: spread, so that a port that was just left rests
    for offset in range(len(ports)):
        port = ports.first + (first + offset) % len(ports)
        try:
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: StunProtocol(agent), local_addr=(address, port)
            )
        except OSError:
            continue
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE)
        protocol.local_candidate = _host_candidate(component, address, port)
        return protocol
    return None

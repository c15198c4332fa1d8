"""A program's end of a call says why it failed, and takes packets from its server only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from avatar.config import TransportSettings
from avatar.stream.caller import Caller
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer

pytestmark = pytest.mark.anyio


class Listener:
    """Keeps the states, and what the caller said of each."""

    caller: Caller

    def __init__(self) -> None:
        self.states: list[str] = []
        self.said: list[str] = []
        self.opened = False

    def on_state(self, state: str) -> None:
        self.states.append(state)
        if state == "failed":
            self.said.append(self.caller.why_lost())

    def on_channel_open(self) -> None:
        self.opened = True

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    pool = ThreadPoolExecutor(1)
    made = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    yield made
    await made.close()
    pool.shutdown()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    made.caller = Caller(made)
    yield made
    await made.caller.close()


async def answer(peer: Peer, listener: Listener) -> str:
    return await peer.answer(
        read_offer(await listener.caller.offer(loopback=True), limit_bytes=64_000), Listener(), Listener()
    )


async def test_a_server_whose_certificate_is_another_is_named(
    peer: Peer, listener: Listener, loopback: ModuleType
) -> None:
    lines = (await answer(peer, listener)).splitlines()
    prints = [line for line in lines if line.startswith("a=fingerprint:sha-256")]
    for line in prints:
        lines[lines.index(line)] = line[:-5] + ("00:00" if not line.endswith("00:00") else "11:11")
    await listener.caller.accept("\r\n".join(lines) + "\r\n")
    await loopback.wait_for(lambda: bool(listener.said))
    assert "could not be encrypted (fingerprint mismatch)" in listener.said[0]


async def test_a_server_nobody_gets_to_and_one_that_is_lost_are_told_apart(
    peer: Peer, listener: Listener, loopback: ModuleType
) -> None:
    assert "firewall" in listener.caller.why_lost()
    await listener.caller.accept(await answer(peer, listener))
    await loopback.wait_for(lambda: listener.opened)
    assert listener.caller.why_lost() == "The connection to the server was lost."


async def test_a_strangers_packets_do_not_reach_it(peer: Peer, listener: Listener, loopback: ModuleType) -> None:
    await listener.caller.accept(await answer(peer, listener))
    await loopback.wait_for(lambda: listener.opened)
    gatherer = listener.caller._video.receiver.transport.transport.iceGatherer
    own = next(one for one in gatherer.getLocalCandidates() if one.ip == "127.0.0.1")
    stranger, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(own.ip, own.port)
    )
    for _ in range(5):
        stranger.sendto(bytes([0x80, 96]) + bytes(40))
    await loopback.wait_for(lambda: listener.caller._guard.dropped["stranger"] == 5)
    stranger.close()
    assert listener.states[-1] == "connected"

"""A peer whose network has changed restarts ICE: another pair of addresses carries the call, which goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from aioice import Candidate

from avatar.config import TransportSettings
from avatar.errors import TrickleError
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.trickle import read_fragment
from avatar.stream.tuning.aiortc_tuning import ice_agents, keep_to_loopback
from avatar.stream.tuning.ice_restart import close_apart, second_agent, take_over
from avatar.stream.tuning.transport_tuning import transports
from avatar.types import Picture
from tests.stream.test_peer import Listener

pytestmark = pytest.mark.anyio


@dataclass
class Caller:
    """A call between two peers, and a client that can restart ICE, which aiortc's cannot."""

    peer: Peer
    client: Any
    heard: Listener

    @property
    def addresses(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """The pair of addresses that carries the call at the server's end."""
        (agent,) = ice_agents(self.peer._connection)
        pair = agent._nominated[1]
        return pair.local_addr, pair.remote_addr

    async def new_agent(self) -> Any:
        (dtls,) = transports(self.client.connection)
        agent = second_agent(dtls, [], "", "")
        keep_to_loopback([agent])
        await agent.gather_candidates()
        return agent

    async def restart(self, agent: Any, *, lost: bool = False) -> str:
        """Restart ICE by PATCH's body, with `lost` after the old way has gone; return the server's answer."""
        (dtls,) = transports(self.client.connection)
        if lost:
            for protocol in dtls.transport._connection._protocols:
                protocol.transport.sendto = lambda *_: None
                protocol.datagram_received = lambda *_: None
        answer = await self.peer.trickle(read_fragment(fragment_of(agent)))
        assert answer is not None
        told = dict(line.removeprefix("a=").split(":", 1) for line in answer.splitlines() if line.startswith("a=ice-"))
        agent.remote_username, agent.remote_password = told["ice-ufrag"], told["ice-pwd"]
        for line in answer.splitlines():
            if line.startswith("a=candidate:"):
                await agent.add_remote_candidate(Candidate.from_sdp(line.removeprefix("a=candidate:")))
        await agent.add_remote_candidate(None)
        await agent.connect()
        await close_apart(take_over(dtls, agent))
        return answer


def fragment_of(agent: Any) -> str:
    lines = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0"]
    lines += [f"a=ice-ufrag:{agent.local_username}", f"a=ice-pwd:{agent.local_password}"]
    return "\r\n".join([*lines, *(f"a=candidate:{one.to_sdp()}" for one in agent.local_candidates)])


@pytest.fixture
async def caller(loopback: ModuleType) -> AsyncIterator[Caller]:
    with ThreadPoolExecutor(1) as pool:
        peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
        client, heard = loopback.Client(), Listener()
        try:
            heard.answer_with = lambda frame, capture: peer.show(
                Picture(capture.arrival_s, frame.to_ndarray(), capture)
            )
            offer = read_offer(await client.offer(), limit_bytes=64_000)
            await client.accept(await peer.answer(offer, heard, heard))
            await loopback.wait_for(lambda: len(client.pictures) >= 3, 60)
            yield Caller(peer, client, heard)
        finally:
            await client.close()
            await peer.close()


@pytest.mark.parametrize("lost", [False, True], ids=["the old way is there", "the old way is lost"])
async def test_a_call_goes_on_over_new_addresses(caller: Caller, loopback: ModuleType, lost: bool) -> None:
    before, statistics = caller.addresses, await caller.peer.stats()
    agent = await caller.new_agent()
    answer = await caller.restart(agent, lost=lost)
    assert answer.startswith(("a=group:BUNDLE", "a=ice-options")) and "\r\nm=video 9 UDP/TLS/RTP/SAVPF" in answer
    assert answer.endswith("a=end-of-candidates\r\n")
    await loopback.wait_for(lambda: caller.addresses != before, 60)
    assert not {*before} & {*caller.addresses}, "both ends have new addresses"
    pictures, camera = len(caller.client.pictures), len(caller.heard.camera)
    await loopback.wait_for(
        lambda: len(caller.client.pictures) > pictures + 10 and len(caller.heard.camera) > camera + 10, 60
    )
    caller.client.send(type="still here")
    await loopback.wait_for(lambda: any("still here" in str(one) for one in caller.heard.messages), 60)
    assert caller.heard.states[-1] == "connected" and not caller.heard.failures
    assert (await caller.peer.stats()).packets_received > statistics.packets_received


async def test_a_restart_that_finds_no_way_leaves_the_call_as_it_was(caller: Caller, loopback: ModuleType) -> None:
    before = caller.addresses
    for _ in range(2):  # the second takes the first one's place
        agent = await caller.new_agent()
        await close_apart(agent)
        assert await caller.peer.trickle(read_fragment(fragment_of(agent))) is not None
    pictures = len(caller.client.pictures)
    await loopback.wait_for(lambda: len(caller.client.pictures) > pictures + 5, 60)
    assert caller.addresses == before
    await caller.restart(await caller.new_agent())
    await loopback.wait_for(lambda: caller.addresses != before, 60)
    with pytest.raises(TrickleError) as late:
        await caller.peer.trickle(read_fragment(fragment_of(agent)))
    assert late.value.code == "stale_tag", "a piece that comes late is no restart"


async def test_a_peer_that_restarts_twice_in_a_call_is_followed_twice(caller: Caller, loopback: ModuleType) -> None:
    for _ in range(2):
        before = caller.addresses
        await caller.restart(await caller.new_agent())
        await loopback.wait_for(lambda: caller.addresses != before, 60)  # noqa: B023 - waited for at once
    pictures = len(caller.client.pictures)
    await loopback.wait_for(lambda: len(caller.client.pictures) > pictures + 5, 60)


async def test_closing_in_the_middle_of_a_restart_leaves_nothing(caller: Caller) -> None:
    agent = await caller.new_agent()
    await close_apart(agent)
    assert await caller.peer.trickle(read_fragment(fragment_of(agent))) is not None
    await caller.client.close()
    await caller.peer.close()
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if "ice_restarts" in str(task.get_coro())]
    assert not left
    assert await caller.peer.trickle(read_fragment(fragment_of(agent))) is None


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        ("a=ice-ufrag:another", "one a=ice-ufrag and one a=ice-pwd"),
        ("a=ice-ufrag:one1\r\na=ice-ufrag:two2\r\na=ice-pwd:0123456789012345678901", "one a=ice-ufrag"),
        ("a=ice-ufrag:another\r\na=ice-pwd:short", "22 to 256"),
    ],
)
async def test_credentials_that_are_none_change_nothing(caller: Caller, piece: str, said: str) -> None:
    before = caller.addresses
    with pytest.raises(TrickleError, match=said) as refused:
        await caller.peer.trickle(read_fragment(piece))
    assert refused.value.code == "bad_fragment" and caller.addresses == before


async def test_ice_cannot_begin_anew_before_it_has_connected_once(loopback: ModuleType) -> None:
    with ThreadPoolExecutor(1) as pool:
        peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
        client, heard = loopback.Client(), Listener()
        try:
            await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), heard, heard)
            with pytest.raises(TrickleError, match="still being made") as refused:
                await peer.trickle(read_fragment("a=ice-ufrag:another\r\na=ice-pwd:0123456789012345678901"))
            assert refused.value.code == "busy"
        finally:
            await client.close()
            await peer.close()

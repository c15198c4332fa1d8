"""A handshake that fails says what of, and the peer hears of it too."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport

from avatar.config import TransportSettings
from avatar.stream.connect_failure import ConnectFailure
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.aiortc_tuning import ice_agents, private_name
from avatar.stream.tuning.handshake_record import HandshakeRecord
from avatar.stream.tuning.transport_tuning import transports

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/tuning/handshake_record.py relies on it: "


class Listener:
    """Keeps the states."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def on_state(self, state: str) -> None:
        self.states.append(state)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    pool = ThreadPoolExecutor(1)
    made = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    yield made
    await made.close()
    pool.shutdown()


async def fail_to_connect(peer: Peer, client: Any, loopback: ModuleType, offer: str) -> ConnectFailure:
    listener = Listener()
    await client.accept(await peer.answer(read_offer(offer, limit_bytes=64_000), listener, listener))
    await loopback.wait_for(lambda: "failed" in listener.states)
    return peer.why_not_connected()


def use_suites(connection: Any, suites: bytes) -> None:
    """Let a client's handshake know these cipher suites only."""
    for certificate in connection._RTCPeerConnection__certificates:
        create = certificate._create_ssl_context

        def limited(*args: Any, create: Any = create, **named: Any) -> Any:
            context = create(*args, **named)
            context.set_cipher_list(suites)
            return context

        certificate._create_ssl_context = limited


async def test_a_certificate_that_is_not_the_offers_is_named(peer: Peer, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        offer = await client.offer()
        lines = [
            line[:-5] + ("00:00" if not line.endswith("00:00") else "11:11")
            if line.startswith("a=fingerprint:sha-256")
            else line
            for line in offer.splitlines()
            if not line.startswith(("a=fingerprint:sha-384", "a=fingerprint:sha-512"))
        ]
        failure = await fail_to_connect(peer, client, loopback, "\r\n".join(lines) + "\r\n")
        assert failure.reason == "certificate"
        assert "a=fingerprint" in failure.detail
    finally:
        await client.close()


async def test_a_certificate_that_cannot_be_read_is_told_at_once(peer: Peer, loopback: ModuleType) -> None:
    client = loopback.Client()
    listen = peer._handshake.listen

    def stumble(*_: Any) -> None:
        raise ValueError("a stand-in for whatever a parser says")

    def listen_to_a_check_that_stumbles(connection: Any) -> None:
        for dtls in transports(connection):
            dtls._validate_peer_identity = stumble
        listen(connection)

    peer._handshake.listen = listen_to_a_check_that_stumbles  # type: ignore[method-assign]
    try:
        failure = await fail_to_connect(peer, client, loopback, await client.offer())
        assert failure.reason == "certificate"
        assert "a stand-in for whatever a parser says" in failure.detail
    finally:
        await client.close()


@pytest.mark.parametrize("role", ["active", "passive"])
async def test_a_client_without_a_cipher_suite_of_ours_is_told_and_so_are_we(
    peer: Peer, loopback: ModuleType, role: str
) -> None:
    client = loopback.Client()
    use_suites(client.connection, b"ECDHE-ECDSA-AES256-GCM-SHA384")
    heard = HandshakeRecord()
    heard.listen(client.connection)
    try:
        offer = (await client.offer()).replace("a=setup:actpass", f"a=setup:{role}")
        if role == "passive":
            for dtls in transports(client.connection):
                dtls._set_role("server")
        use_suites(peer._connection, b"ECDHE-ECDSA-AES128-GCM-SHA256")
        failure = await fail_to_connect(peer, client, loopback, offer)
        assert failure.reason == "dtls_failed"
        assert "handshake" in failure.detail
        await loopback.wait_for(lambda: heard.error is not None)
    finally:
        await client.close()


async def test_a_client_that_never_begins_the_handshake_is_told_from_one_that_is_not_reached(
    peer: Peer, loopback: ModuleType
) -> None:
    client = loopback.Client()
    assert peer.why_not_connected().reason == "never_connected"

    async def never(_: Any) -> None: ...

    for dtls in transports(client.connection):
        dtls.start = never
    try:
        await client.accept(
            await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), Listener(), Listener())
        )
        await loopback.wait_for(lambda: peer.why_not_connected().reason == "dtls_failed")
        assert "did not come to an end in time" in peer.why_not_connected().detail
    finally:
        await client.close()


async def test_checks_that_come_while_our_answers_get_lost_mean_no_route(peer: Peer, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        for agent in ice_agents(client.connection):
            # Nothing of ours arrives there: a firewall that lets UDP through one way only.
            agent.get_component_candidates = _deaf(agent.get_component_candidates, agent)
        await client.accept(
            await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), Listener(), Listener())
        )
        await loopback.wait_for(lambda: peer.why_not_connected().reason == "no_route")
        assert "TURN" in peer.why_not_connected().detail
    finally:
        await client.close()


def _deaf(gather: Any, agent: Any) -> Any:
    async def gather_deaf(*args: Any, **named: Any) -> Any:
        candidates = await gather(*args, **named)
        for protocol in agent._protocols:
            protocol.datagram_received = lambda *_: None
        return candidates

    return gather_deaf


def test_aiortc_still_uses_the_parts_as_it_did() -> None:
    for function, line in (
        (RTCDtlsTransport.start, "await self._do_handshake()"),
        (RTCDtlsTransport.start, "self._validate_peer_identity(remoteParameters)"),
        (RTCDtlsTransport.start, "self._setup_srtp()"),
        (RTCDtlsTransport._do_handshake, "self._ssl.do_handshake()"),
        (RTCDtlsTransport._recv_next, "data = self._ssl.recv(1500)"),
        (RTCDtlsTransport._do_handshake, 'self.__log_debug("x DTLS handshake failed (error %s)", exc)'),
    ):
        assert line in inspect.getsource(function), CHANGED + f"{function.__qualname__} no longer has '{line}'"


async def test_every_private_part_is_where_it_was(peer: Peer) -> None:
    peer._connection.addTransceiver("video")
    (dtls,) = transports(peer._connection)
    for name in ("do_handshake", "validate_peer_identity", "setup_srtp", "ssl", "write_ssl", "state", "set_state"):
        private_name(dtls, name)

"""Other people's WebRTC libraries connect: their certificates, their handshakes and their connectivity checks."""

from __future__ import annotations

import asyncio
import datetime
import inspect
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning import transport_tuning as tuning
from avatar.stream.tuning.aiortc_tuning import ice_agents, private_name

pytestmark = pytest.mark.anyio

CHANGED = "aiortc or aioice has changed, and avatar/stream/tuning/transport_tuning.py relies on it: "


class Listener:
    """Takes whatever a peer tells, and keeps its states and messages."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.messages: list[str | bytes] = []

    def on_state(self, state: str) -> None:
        self.states.append(state)

    def on_message(self, message: str | bytes) -> None:
        self.messages.append(message)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
async def server() -> AsyncIterator[SimpleNamespace]:
    pool = ThreadPoolExecutor(1)
    listener = Listener()
    peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    yield SimpleNamespace(peer=peer, listener=listener)
    await peer.close()
    pool.shutdown()


async def answer(server: SimpleNamespace, offer: str) -> str:
    return str(await server.peer.answer(read_offer(offer, limit_bytes=64_000), server.listener, server.listener))


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver("video")
    yield made
    await made.close()


async def test_every_private_part_is_where_it_was(connection: RTCPeerConnection) -> None:
    dtls = tuning.transports(connection)[0]
    (agent,) = ice_agents(connection)
    (certificate,) = connection._RTCPeerConnection__certificates
    for owner, names in (
        (connection, ["dtlsTransports", "iceTransports", "remoteDtls", "certificates"]),
        (dtls, ["role"]),
        (certificate, ["create_ssl_context"]),
        (agent, ["check_incoming", "connect", "early_checks", "closing"]),
    ):
        for name in names:
            private_name(owner, name)


def test_aiortc_and_aioice_still_use_the_parts_as_they_did() -> None:
    for function, line in (
        (RTCPeerConnection.createAnswer, 'if dtlsTransport._role == "auto":'),
        (RTCPeerConnection.createAnswer, "media.dtls.role = dtlsTransport._role"),
        (RTCDtlsTransport.start, "self.__local_certificate._create_ssl_context("),
        (aioice.ice.Connection.request_received, "self.check_incoming(message, addr, protocol)"),
        (aioice.ice.Connection.request_received, "self._early_checks.append((message, addr, protocol))"),
        (aioice.ice.Connection.connect, "self.check_incoming(*early_check)"),
        (aioice.ice.Connection.check_incoming, 'priority=message.attributes["PRIORITY"]'),
    ):
        assert line in inspect.getsource(function), CHANGED + f"{function.__qualname__} no longer has '{line}'"


def test_the_suites_offered_begin_with_aiortcs_own() -> None:
    source = inspect.getsource(RTCCertificate._create_ssl_context)
    assert ":".join(tuning.DTLS_CIPHERS[:-1]) in source, CHANGED + "its cipher suites are others"


@pytest.mark.parametrize(
    ("offered", "answered"), [("actpass", "passive"), ("active", "passive"), ("passive", "active")]
)
async def test_who_may_choose_begins_the_handshake_itself(
    server: SimpleNamespace, loopback: ModuleType, offered: str, answered: str
) -> None:
    """Our first DTLS message must not reach a peer that has not read our answer yet."""
    client = loopback.Client()
    try:
        offer = (await client.offer()).replace("a=setup:actpass", f"a=setup:{offered}")
        lines = [line for line in (await answer(server, offer)).splitlines() if line.startswith("a=setup:")]
        assert set(lines) == {f"a=setup:{answered}"}
    finally:
        await client.close()


@pytest.mark.parametrize("role", ["active", "passive"])
async def test_a_peer_with_an_rsa_certificate_connects(
    server: SimpleNamespace, loopback: ModuleType, role: str
) -> None:
    client = loopback.Client()
    _use_rsa_certificate(client.connection)
    try:
        offer = (await client.offer()).replace("a=setup:actpass", f"a=setup:{role}")
        if role == "passive":
            for dtls in tuning.transports(client.connection):
                dtls._set_role("server")
        await client.accept(await answer(server, offer))
        await loopback.wait_for(lambda: client.channel.readyState == "open")
        client.channel.send("heard")
        await loopback.wait_for(lambda: server.listener.messages == ["heard"])
        assert server.listener.states[-1] == "connected"
    finally:
        await client.close()


async def test_a_peer_connects_whose_checks_say_no_priority(server: SimpleNamespace, loopback: ModuleType) -> None:
    client = loopback.Client()
    try:
        offer = await client.offer()
        for agent in ice_agents(client.connection):
            _leave_out_priority(agent)
        # Without candidates in the offer, the peer's address is learnt from its checks.
        lines = [line for line in offer.splitlines(True) if "candidate" not in line]
        await client.accept(await answer(server, "".join(lines)))
        await loopback.wait_for(lambda: client.channel.readyState == "open")
    finally:
        await client.close()


def _leave_out_priority(agent: Any) -> None:
    build = agent.build_request

    def build_without_priority(pair: Any, nominate: bool) -> Any:
        request = build(pair, nominate)
        del request.attributes["PRIORITY"]
        return request

    agent.build_request = build_without_priority


def _use_rsa_certificate(connection: RTCPeerConnection) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a peer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    own = RTCCertificate(key, certificate)  # type: ignore[arg-type]
    connection._RTCPeerConnection__certificates = [own]
    for dtls in tuning.transports(connection):
        dtls._RTCDtlsTransport__local_certificate = own
    tuning.accept_rsa_certificates(connection)  # or it could not show this certificate as a DTLS server


class Agent:
    """Stands for aioice's connection."""

    def __init__(self) -> None:
        self._early_checks: list[str] = []
        self._closing = False
        self.connected = asyncio.Event()

    async def connect(self) -> None:
        self.connected.set()


@pytest.fixture
def agent() -> Agent:
    return Agent()


async def test_no_check_of_ours_overtakes_the_answer(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "FIRST_CHECK_S", 1e6)
    tuning.let_the_peer_check_first([agent])
    connecting = asyncio.create_task(agent.connect())
    await asyncio.sleep(0.05)
    assert not agent.connected.is_set()
    agent._early_checks.append("the peer has read the answer")
    await connecting
    assert agent.connected.is_set()


async def test_a_peer_that_never_checks_is_not_waited_for_without_end(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "FIRST_CHECK_S", 0.02)
    tuning.let_the_peer_check_first([agent])
    await agent.connect()
    assert agent.connected.is_set()


async def test_a_call_that_ends_before_the_peers_first_check_stops_waiting(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "FIRST_CHECK_S", 1e6)
    tuning.let_the_peer_check_first([agent])
    connecting = asyncio.create_task(agent.connect())
    await asyncio.sleep(0)
    agent._closing = True
    with pytest.raises(ConnectionError):
        await connecting
    assert not agent.connected.is_set()

"""A call goes on whatever strangers send to its port, and whatever the layers above make of a packet."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import aioice.ice
import pytest
from aioice.turn import TurnClientMixin
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.rtp import packet_guard
from avatar.stream.rtp.packet_guard import wrong_shape
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.aiortc_tuning import ice_agents, private_name
from avatar.stream.tuning.transport_tuning import transports
from avatar.types import CaptureStamp, Picture

pytestmark = pytest.mark.anyio

CHANGED = "aiortc or aioice has changed, and avatar/stream/rtp/packet_guard.py relies on it: "
HARMLESS_RTP = bytes([0x80, 96, 0, 1]) + bytes(40)
"""The header of an RTP packet and nothing that any key has protected: every receiver discards it."""


class Echo:
    """Listens to a peer and shows its camera again."""

    peer: Peer

    def __init__(self) -> None:
        self.states: list[str] = []
        self.camera = 0

    def on_state(self, state: str) -> None:
        self.states.append(state)

    def on_camera(self, frame: Any, capture: CaptureStamp, skipped: int) -> None:
        self.camera += 1
        self.peer.show(Picture(capture.arrival_s, frame.to_ndarray(), capture))

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@dataclass
class RunningCall:
    """A connected call whose pictures go round."""

    peer: Peer
    listener: Echo
    client: Any

    @property
    def connection(self) -> RTCPeerConnection:
        return self.peer._connection

    @property
    def dtls(self) -> Any:
        (only,) = transports(self.connection)
        return only

    @property
    def socket_address(self) -> tuple[str, int]:
        (agent,) = ice_agents(self.connection)
        candidate = agent.local_candidates[0]
        return candidate.host, candidate.port

    def dropped(self, reason: str) -> int:
        return dict(self.peer.packets_dropped()).get(reason, 0)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
async def call(loopback: ModuleType) -> AsyncIterator[RunningCall]:
    pool = ThreadPoolExecutor(1)
    listener = Echo()
    peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    listener.peer = peer
    client = loopback.Client()
    await client.accept(await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), listener, listener))
    await loopback.wait_for(lambda: len(client.pictures) >= 5)
    yield RunningCall(peer, listener, client)
    await client.close()
    await peer.close()
    pool.shutdown()


async def goes_on(call: RunningCall, loopback: ModuleType) -> None:
    """Wait for new pictures in both directions."""
    seen, sent = call.listener.camera, len(call.client.pictures)
    await loopback.wait_for(lambda: call.listener.camera >= seen + 10 and len(call.client.pictures) >= sent + 10)
    assert call.listener.states[-1] == "connected"


async def send_from_elsewhere(address: tuple[str, int], packets: list[bytes]) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=address
    )
    for packet in packets:
        transport.sendto(packet)
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    transport.close()


async def test_packets_from_another_address_reach_nobody_and_are_counted(
    call: RunningCall, loopback: ModuleType
) -> None:
    handled: list[bytes] = []
    call.dtls._rx_srtp = _Watched(call.dtls._rx_srtp, handled)
    await send_from_elsewhere(call.socket_address, [HARMLESS_RTP] * 20)
    await loopback.wait_for(lambda: call.dropped("stranger") == 20)
    await goes_on(call, loopback)
    assert HARMLESS_RTP not in handled
    assert handled, "those of the call itself are read"


async def test_before_anybody_has_proved_an_address_nothing_waits_to_be_read(loopback: ModuleType) -> None:
    """What came first would be read first, once the call is made."""
    pool = ThreadPoolExecutor(1)
    listener = Echo()
    peer = listener.peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    client = loopback.Client()
    answer = await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), listener, listener)
    call = RunningCall(peer, listener, client)
    (agent,) = ice_agents(call.connection)
    await send_from_elsewhere(call.socket_address, [HARMLESS_RTP] * 5)
    await loopback.wait_for(lambda: call.dropped("stranger") == 5)
    assert agent._queue.empty()
    await client.accept(answer)
    await goes_on(call, loopback)
    await client.close()
    await peer.close()
    pool.shutdown()


async def test_what_is_no_packet_of_a_call_is_dropped_wherever_it_comes_from(
    call: RunningCall, loopback: ModuleType
) -> None:
    (pair,) = ice_agents(call.client.connection)[0]._nominated.values()
    for packet in (b"hello, is anybody there?", bytes([0x80, 96]) + bytes(1600)):
        await pair.protocol.send_data(packet, pair.remote_addr)
    await loopback.wait_for(lambda: call.dropped("kind") == 1 and call.dropped("size") == 1)
    await goes_on(call, loopback)
    assert call.dropped("stranger") == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["_handle_rtcp_data", "_handle_data"])
async def test_a_packet_that_a_layer_stumbles_over_is_left_out_and_told_of_once(
    call: RunningCall, loopback: ModuleType, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    owner = call.dtls._data_receiver if name == "_handle_data" else call.dtls
    layer = getattr(owner, name)
    stumbles = 0

    async def stumble(*args: Any, **named: Any) -> None:
        nonlocal stumbles
        stumbles += 1
        if stumbles % 10 in (1, 2, 3):
            raise KeyError("a stand-in for whatever may be raised")
        await layer(*args, **named)

    setattr(owner, name, stumble)
    for _ in range(4):
        call.client.channel.send("something")  # of which a call has few packets by itself
    with caplog.at_level(logging.WARNING, logger=packet_guard.__name__):
        await loopback.wait_for(lambda: call.dropped("unreadable") >= 3)
        await goes_on(call, loopback)
    assert len(caplog.records) == 1
    assert "KeyError in test_a_packet_that_a_layer" in caplog.text


@pytest.mark.slow
async def test_a_media_packet_that_is_stumbled_over_is_left_out_and_told_of_once(
    call: RunningCall, loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    statistics = call.connection.getReceivers()[0]._RTCRtpReceiver__remote_streams
    stream = next(iter(statistics.values()))
    layer, stumbles = stream.add, 0

    def stumble(packet: Any) -> None:
        nonlocal stumbles
        stumbles += 1
        if stumbles % 10 in (1, 2, 3):
            raise KeyError("a stand-in for whatever may be raised")
        layer(packet)

    stream.add = stumble
    with caplog.at_level(logging.WARNING, logger=packet_guard.__name__):
        await loopback.wait_for(lambda: call.dropped("unreadable") >= 3)
        await goes_on(call, loopback)
    assert len(caplog.records) == 1
    assert "KeyError in test_a_media_packet" in caplog.text


async def test_a_check_that_ice_stumbles_over_leaves_the_call_alone(call: RunningCall, loopback: ModuleType) -> None:
    (agent,) = ice_agents(call.connection)

    def stumble(*_: Any) -> None:
        raise KeyError("a stand-in for whatever may be raised")

    agent.request_received = stumble
    (pair,) = ice_agents(call.client.connection)[0]._nominated.values()
    request = ice_agents(call.client.connection)[0].build_request(pair, nominate=False)
    pair.protocol.send_stun(request, pair.remote_addr)
    await loopback.wait_for(lambda: call.dropped("unreadable") == 1)
    del agent.request_received
    await goes_on(call, loopback)


async def test_packets_that_nobody_fetches_do_not_pile_up(call: RunningCall, loopback: ModuleType) -> None:
    (agent,) = ice_agents(call.connection)
    layer, busy = call.dtls._data_receiver._handle_data, asyncio.Event()

    async def stand_still(data: bytes) -> None:
        await busy.wait()
        await layer(data)

    call.dtls._data_receiver._handle_data = stand_still
    call.client.channel.send("something")
    (pair,) = ice_agents(call.client.connection)[0]._nominated.values()
    while call.dropped("overflow") == 0:
        await pair.protocol.send_data(HARMLESS_RTP, pair.remote_addr)
        await asyncio.sleep(0)
    assert agent._queue.qsize() == packet_guard.MOST_WAITING
    busy.set()
    await goes_on(call, loopback)


async def test_no_more_addresses_are_tried_than_a_peer_can_have(call: RunningCall, loopback: ModuleType) -> None:
    (server,), (client,) = ice_agents(call.connection), ice_agents(call.client.connection)
    (pair,) = client._nominated.values()
    begin = len(server._check_list)
    for port in range(packet_guard.MOST_ADDRESSES + 20):
        # As if each check came from an address of its own; nobody is there, so nothing leaves this machine.
        message = client.build_request(pair, nominate=False)
        server.check_incoming(message, ("127.0.0.9", 1024 + port), server._protocols[0])
    assert len(server.remote_candidates) == packet_guard.MOST_ADDRESSES
    assert len(server._check_list) - begin <= packet_guard.MOST_ADDRESSES
    assert call.dropped("overflow") >= 20
    await goes_on(call, loopback)


@pytest.mark.parametrize(
    ("packet", "wrong"),
    [
        (b"", "size"),
        (bytes([22]) + bytes(12), None),
        (bytes([22]) + bytes(11), "size"),
        (bytes([0x80]) + bytes(11), None),
        (bytes([0x80]) + bytes(10), "size"),
        (bytes([0x80]) + bytes(1499), None),
        (bytes([0x80]) + bytes(1500), "size"),
        (bytes(20), None),
        (bytes(19), "size"),
        (bytes([70]) + bytes(30), "kind"),
        (b"GET / HTTP/1.1\r\n\r\n", "kind"),
        (bytes([200]) + bytes(30), "kind"),
    ],
)
def test_a_packet_is_told_by_its_size_and_first_byte(packet: bytes, wrong: str | None) -> None:
    assert wrong_shape(packet) == wrong


async def test_every_private_part_is_where_it_was(call: RunningCall) -> None:
    (agent,) = ice_agents(call.connection)
    for owner, names in (
        (
            agent,
            [
                "data_received",
                "check_incoming",
                "gather_candidates",
                "protocols",
                "queue",
                "early_checks",
                "check_list",
            ],
        ),
        (call.dtls, ["recv_next"]),
    ):
        for name in names:
            private_name(owner, name)


def test_aiortc_and_aioice_still_use_the_parts_as_they_did() -> None:
    for function, line in (
        (
            aioice.ice.StunProtocol.datagram_received,
            "self.receiver.data_received(data, self.local_candidate.component)",
        ),
        (aioice.ice.StunProtocol.datagram_received, "self.receiver.request_received(message, addr, self)"),
        (aioice.ice.Connection.request_received, "self.check_incoming(message, addr, protocol)"),
        (aioice.ice.Connection.request_received, "self._early_checks.append((message, addr, protocol))"),
        (aioice.ice.Connection.data_received, "self._queue.put_nowait((data, component))"),
        (aioice.ice.Connection.get_component_candidates, "self._protocols.append(relay_protocol)"),
        (TurnClientMixin.datagram_received, "self.receiver.datagram_received(payload, peer_address)"),
        (RTCIceGatherer.gather, "await self._connection.gather_candidates()"),
        (RTCDtlsTransport._do_handshake, "await self._recv_next()"),
        (RTCDtlsTransport._do_handshake, "except ConnectionError:"),
        (RTCDtlsTransport._RTCDtlsTransport__run, "await self._recv_next()"),
    ):
        assert line in inspect.getsource(function), CHANGED + f"{function.__qualname__} no longer has '{line}'"
    receive = inspect.getsource(aioice.ice.StunProtocol.datagram_received)
    assert "check_list" not in receive, "aioice asks for the address by now: the guard may go"


class _Watched:
    """Stands before an SRTP session and keeps what it is asked to read."""

    def __init__(self, session: Any, handled: list[bytes]) -> None:
        self._session, self._handled = session, handled

    def unprotect(self, packet: bytes) -> Any:
        self._handled.append(packet)
        return self._session.unprotect(packet)

    def unprotect_rtcp(self, packet: bytes) -> Any:
        self._handled.append(packet)
        return self._session.unprotect_rtcp(packet)

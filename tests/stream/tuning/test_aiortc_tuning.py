"""The private parts of aiortc that the stream touches are there and do what they did; no class or module is changed."""

from __future__ import annotations

import asyncio
import inspect

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from avatar.stream.tuning import aiortc_tuning as tuning

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/tuning/aiortc_tuning.py relies on it: "


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        ("transceiver", ["codecs"]),
        ("connection", ["iceTransports", "connect"]),
        ("gatherer", ["connection"]),
        ("agent", ["get_component_candidates"]),
    ],
)
async def test_every_private_part_is_where_it_was(connection: RTCPeerConnection, pick: str, names: list[str]) -> None:
    transceiver = connection.getTransceivers()[0]
    gatherer = transceiver.receiver.transport.transport.iceGatherer
    owner = {
        "transceiver": transceiver,
        "connection": connection,
        "gatherer": gatherer,
        "agent": gatherer._connection,
    }[pick]
    for name in names:
        tuning.private_name(owner, name)


async def test_a_part_that_has_gone_is_named_with_what_to_do() -> None:
    with pytest.raises(tuning.AiortcChangedError, match=r"no longer has 'teleport'.*pinned"):
        tuning.private_name(RTCConfiguration(), "teleport")


def test_the_connection_still_connects_in_a_task_of_its_own() -> None:
    source = inspect.getsource(RTCPeerConnection.setRemoteDescription)
    assert "asyncio.ensure_future(self.__connect())" in source, CHANGED + "it connects another way"


def test_the_ice_agent_still_hands_its_addresses_to_the_method_that_is_replaced() -> None:
    gather = inspect.getsource(aioice.ice.Connection.gather_candidates)
    call = "self.get_component_candidates(component=component, addresses=addresses)"
    assert call in gather, CHANGED + "aioice gathers candidates another way"


async def test_only_the_connection_that_asks_for_it_is_kept_to_the_loopback_interface() -> None:
    ours, other = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    addresses_before = aioice.ice.get_host_addresses
    try:
        for connection in (ours, other):
            connection.createDataChannel("x")
        tuning.gather_loopback_only(ours)
        for connection in (ours, other):
            await connection.setLocalDescription(await connection.createOffer())
        assert candidates(ours) == {"127.0.0.1"}
        assert "127.0.0.1" not in candidates(other)
        assert aioice.ice.get_host_addresses is addresses_before
    finally:
        await asyncio.gather(ours.close(), other.close())


async def test_a_connection_that_asks_for_it_offers_the_loopback_address_too() -> None:
    ours = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        ours.createDataChannel("x")
        tuning.gather_loopback_too(ours)
        await ours.setLocalDescription(await ours.createOffer())
        assert candidates(ours) == {"127.0.0.1", *aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True)}
    finally:
        await ours.close()


def candidates(connection: RTCPeerConnection) -> set[str]:
    lines = connection.localDescription.sdp.splitlines()
    return {line.split()[4] for line in lines if line.startswith("a=candidate")}

"""Dead servers hold nobody up, and a connection that cannot be closed in one go leaves nothing open."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from avatar.stream.tuning.aiortc_lifetime import SERVER_WAIT_S, close_connection, wait_briefly_for_servers

pytestmark = pytest.mark.anyio

CHANGED = "aioice has changed, and avatar/stream/tuning/aiortc_lifetime.py relies on it: "


def agent_of(connection: RTCPeerConnection) -> aioice.ice.Connection:
    return connection.getTransceivers()[0].receiver.transport.transport.iceGatherer._connection


async def test_a_dead_stun_server_delays_an_answer_by_a_second_at_most() -> None:
    connection = RTCPeerConnection(RTCConfiguration([RTCIceServer("stun:192.0.2.1")]))
    connection.addTransceiver("video")
    waits: list[float] = []

    async def gather(**asked: Any) -> list[object]:
        waits.append(asked["timeout"])
        return []

    agent_of(connection).get_component_candidates = gather
    wait_briefly_for_servers([agent_of(connection)])
    await connection.setLocalDescription(await connection.createOffer())
    assert waits == [SERVER_WAIT_S]
    await connection.close()


def test_aioice_still_waits_for_its_servers_by_a_timeout_of_five_seconds() -> None:
    signature = inspect.signature(aioice.ice.Connection.get_component_candidates)
    assert list(signature.parameters) == ["self", "component", "addresses", "timeout"], CHANGED + "how it gathers"
    assert signature.parameters["timeout"].default == 5, CHANGED + "how long it waits; is our bound needed any more?"


async def test_a_connection_that_does_not_close_is_closed_piece_by_piece(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video")
    connection.addTransceiver("audio")
    await connection.setLocalDescription(await connection.createOffer())
    agents = [t.receiver.transport.transport.iceGatherer._connection for t in connection.getTransceivers()]
    assert any(agent._protocols for agent in agents), "sockets are open"

    async def fail() -> None:
        raise AttributeError("something is missing")

    connection.close = fail
    with caplog.at_level(logging.WARNING):
        await close_connection(connection)
    assert not any(agent._protocols for agent in agents)
    assert "something is missing" in caplog.text
    assert "Traceback" not in caplog.text
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before

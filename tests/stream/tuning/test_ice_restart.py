"""The parts of aiortc and aioice that an ICE restart touches (`tests/stream/test_ice_restarts.py` has what it does)."""

from __future__ import annotations

import inspect

import aioice
import pytest
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCPeerConnection

from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.ice_restart import close_apart, second_agent, take_over
from avatar.stream.tuning.transport_tuning import transports

pytestmark = pytest.mark.anyio

CHANGED = "aiortc or aioice has changed: "


async def test_the_parts_it_touches_are_there(connection: RTCPeerConnection) -> None:
    dtls, *_ = transports(connection)
    ice, present = dtls.transport, dtls.transport._connection
    agent = second_agent(dtls, [], "user", "a password of the peer")
    assert agent is not present and agent.local_username != present.local_username
    assert agent._queue is present._queue, "what reaches it has to go where the present agent's packets go"
    assert agent.ice_controlling is present.ice_controlling
    assert (agent.remote_username, agent.remote_password) == ("user", "a password of the peer")
    for name in ("query_consent_task", "event_waiter"):
        private_name(present, name)
    assert take_over(dtls, agent) is present
    assert ice._connection is agent and ice.iceGatherer._connection is agent
    assert ice._recv == agent.recv and ice._send == agent.send
    await close_apart(present)
    assert agent._queue.empty(), "the agent that leaves may not end the connection"


def test_packets_still_come_and_go_by_what_is_replaced() -> None:
    for part in ("self.transport._recv()", "self.transport._send(data)"):
        assert part in inspect.getsource(RTCDtlsTransport), CHANGED + f"DTLS no longer uses {part}"
    assert "self._connection.get_event()" in inspect.getsource(RTCIceTransport._monitor), CHANGED + "who sees the end"
    assert "self._connection.close()" in inspect.getsource(RTCIceTransport.stop), CHANGED + "what is closed"
    for part, method in (
        ("await self._queue.get()", aioice.ice.Connection.recvfrom),
        ("self._queue.put_nowait(None)", aioice.ice.Connection.close),
        ("waiter.set_result(event)", aioice.ice.Connection._emit_event),
    ):
        assert part in inspect.getsource(method), CHANGED + f"{method.__name__} has no {part}"


def test_there_is_no_restart_of_their_own() -> None:
    for owner in (RTCIceTransport, aioice.ice.Connection, RTCPeerConnection):
        names = [name for name in dir(owner) if "restart" in name.lower()]
        assert not names, f"{owner.__name__} has {names}: is our own ICE restart needed any more?"

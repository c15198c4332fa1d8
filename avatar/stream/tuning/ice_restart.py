"""A second ICE agent under a connection's DTLS and SRTP: what a peer needs whose network has changed.

aiortc 1.16 has no ICE restart, but nothing above its ICE transport asks how packets come and go. An agent of aioice
with credentials of its own finds a way beside the present one, and then takes its place. As in `aiortc_tuning`, private
parts are touched on one connection's own objects only; `tests/stream/tuning/test_ice_restart.py` says in plain words
which one has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiortc import RTCIceGatherer, RTCIceServer

from avatar.stream.tuning.aiortc_tuning import private_name

SHARED: Final = "queue"
"""Where an agent puts what is for the layers above it."""


def second_agent(dtls: Any, servers: Sequence[RTCIceServer], user: str, password: str) -> Any:
    """Return an agent that is to find another way for a DTLS transport that has one; it has gathered nothing yet.

    What reaches it goes where the present agent's packets go. `user` and `password` are the peer's new credentials; its
    own are made anew, as RFC 8445, 9, asks.
    """
    present = _agent(dtls.transport)
    gatherer = RTCIceGatherer(iceServers=list(servers))
    agent = getattr(gatherer, private_name(gatherer, "connection"))
    agent.ice_controlling, agent.remote_is_lite = present.ice_controlling, present.remote_is_lite
    agent.remote_username, agent.remote_password = user, password
    setattr(agent, private_name(agent, SHARED), getattr(present, private_name(present, SHARED)))
    return agent


def take_over(dtls: Any, agent: Any) -> Any:
    """Let a connected `agent` of `second_agent` carry a DTLS transport from now on; return the one that did.

    That one still receives, until `close_apart`, what the peer has sent before it followed.
    """
    ice = dtls.transport
    before = _agent(ice)
    consent = getattr(before, private_name(before, "query_consent_task"))
    if consent is not None:
        consent.cancel()  # nobody has to agree any more to be sent anything by it
    # Who waits for the end of the connection waits for this agent's.
    waiter = private_name(agent, "event_waiter")
    setattr(agent, waiter, getattr(before, waiter))
    setattr(before, waiter, None)
    for owner in (ice, ice.iceGatherer):
        setattr(owner, private_name(owner, "connection"), agent)
    setattr(ice, private_name(ice, "recv"), agent.recv)
    setattr(ice, private_name(ice, "send"), agent.send)
    return before


async def close_apart(agent: Any) -> None:
    """Close an agent that carries nothing, without a word to the layers that it shares with another one."""
    setattr(agent, private_name(agent, SHARED), asyncio.Queue())
    await agent.close()


def _agent(ice: Any) -> Any:
    return getattr(ice, private_name(ice, "connection"))

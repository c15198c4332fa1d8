"""How long a connection of aiortc may take to begin, and that nothing of it stays where its end goes wrong.

As in `aiortc_tuning`, private parts are touched on one connection's own objects only, and a guard test says when they
have changed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

from aiortc import RTCPeerConnection

from avatar.stream.tuning.aiortc_tuning import private_name

SERVER_WAIT_S: Final = 1.0
"""How long an answer waits for STUN and TURN servers: two of STUN's requests. The peer may reach us without them."""

logger = logging.getLogger(__name__)


def wait_briefly_for_servers(agents: Iterable[Any]) -> None:
    """Let no dead STUN or TURN server hold a description back; call it before addresses are gathered."""
    # aioice waits for 5 s, and aiortc has no setting for it.
    for agent in agents:
        gather = cast(Callable[..., Awaitable[Any]], getattr(agent, private_name(agent, "get_component_candidates")))
        agent.get_component_candidates = _in_time(gather)


def _in_time(gather: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def gather_in_time(component: int, addresses: list[str], timeout: float = SERVER_WAIT_S) -> Awaitable[Any]:
        return gather(component=component, addresses=addresses, timeout=min(timeout, SERVER_WAIT_S))

    return gather_in_time


async def close_connection(connection: RTCPeerConnection) -> None:
    """Close a connection. Where aiortc fails on the way, what it has left open is closed piece by piece."""
    transports = [
        *getattr(connection, private_name(connection, "dtlsTransports")),
        *getattr(connection, private_name(connection, "iceTransports")),
    ]
    try:
        await connection.close()
    except Exception as error:  # where a description was taken in part, aiortc raises whatever it stumbles over
        logger.warning("aiortc failed to close a connection (%r); its parts are closed one by one", error)
        for part in (*connection.getTransceivers(), *transports):
            try:
                await part.stop()
            except Exception as broken:  # the other parts have to be closed all the same
                logger.warning("a part of a connection did not close: %r", broken)
        connection.remove_all_listeners()

"""ICE restarts of one connection: the peer's network has changed, the call goes on (RFC 8445, 9; RFC 9725, 4.3.3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCPeerConnection

from avatar.config import TransportSettings
from avatar.errors import TrickleError
from avatar.stream.ice_servers import as_aiortc_takes_them, ice_servers
from avatar.stream.tuning.ice_restart import close_apart, second_agent, take_over
from avatar.stream.tuning.transport_tuning import transports

logger = logging.getLogger(__name__)

CONNECT_S: Final = 30.0
"""How long a new way is looked for: as long as consent to the old one lasts (RFC 7675, 5.1)."""
FOLLOW_S: Final = 2.0
"""How long packets are still taken over the old way: the peer's last ones are under way when the new one is there."""


class IceRestarts:
    """Used on the event loop only. The latest restart counts: one that has found no way yet is given up for it."""

    def __init__(
        self, connection: RTCPeerConnection, settings: TransportSettings, prepare: Callable[[Any, Any], None]
    ) -> None:
        """Prepare; `prepare` is given each new agent, with its DTLS transport, before it gathers addresses."""
        self._connection, self._settings, self._prepare = connection, settings, prepare
        self._changing = asyncio.Lock()
        self._moving: asyncio.Task[None] | None = None
        self.begun = 0
        """How many there have been: each is a sign of the peer's."""

    async def begin(self, user: str, password: str) -> Any:
        """Return the agent of a new ICE session, with its addresses; media follow it once it has found a way.

        `user` and `password` are the peer's. Raises TrickleError (`busy`) while the first way is still looked for, and
        ServerFullError where no port is free; the call then goes on as it did.
        """
        if self._connection.iceConnectionState != "completed":
            raise TrickleError(
                "The call's first connection is still being made, or is lost: ICE cannot begin anew. Send candidates "
                "until it is there; where it is lost, end the call and make a new one.",
                code="busy",
            )
        async with self._changing:
            await self.close()
            (dtls,) = transports(self._connection)
            agent = second_agent(dtls, as_aiortc_takes_them(ice_servers(self._settings)), user, password)
            try:
                self._prepare(agent, dtls)
                await agent.gather_candidates()
            except BaseException:  # one who has gone away cancels this: nothing may stay
                await close_apart(agent)
                raise
            self.begun += 1
            self._moving = asyncio.create_task(_move(dtls, agent))
            return agent

    async def close(self) -> None:
        """Leave nothing running beside the connection's own agent."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
            self._moving = None


async def _move(dtls: Any, agent: Any) -> None:
    unused = agent
    try:
        async with asyncio.timeout(CONNECT_S):
            await agent.connect()
        unused = take_over(dtls, agent)
        logger.info("a call goes on over another way: its peer has restarted ICE")
        await asyncio.sleep(FOLLOW_S)
    except (ConnectionError, TimeoutError):
        logger.info("no other way was found for a call whose peer has restarted ICE; it keeps the one it has")
    finally:
        await close_apart(unused)

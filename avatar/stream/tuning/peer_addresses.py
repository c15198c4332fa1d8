"""The addresses of a peer that become known after its offer: trickled ones, and those behind names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aioice import Candidate
from aiortc import RTCPeerConnection
from aiortc.sdp import candidate_from_sdp

from avatar.errors import TrickleError
from avatar.stream.sdp.offer import Offer
from avatar.stream.sdp.transport import MAX_CANDIDATES
from avatar.stream.trickle import Fragment

logger = logging.getLogger(__name__)


class PeerAddresses:
    """Tells an ICE session of them. Used on the event loop only."""

    def __init__(self, user: str, add: Callable[[str], Awaitable[None]]) -> None:
        """Prepare; `user` is the peer's ICE user, `add` takes the value of a candidate."""
        self.user = user
        self._add = add
        self._known: set[str] = set()

    @classmethod
    def of_offer(cls, connection: RTCPeerConnection, offer: Offer) -> PeerAddresses:
        """Return those of a connection's first session; add to them once it has been told of the offer."""
        return cls(offer.ice_user, partial(_add_to_connection, connection, offer.mid))

    @classmethod
    def of_restart(cls, agent: Any, user: str) -> PeerAddresses:
        """Return those of a later session, which an agent of aioice is to find a way for."""
        return cls(user, partial(_add_to_agent, agent))

    async def add(self, fragment: Fragment) -> list[str]:
        """Add what is new; return the candidates that are names, which `find_names` looks for.

        Raises TrickleError where there are too many.
        """
        news = {*fragment.addresses, *fragment.names} - self._known
        if len(self._known) + len(news) > MAX_CANDIDATES:
            raise TrickleError(f"The call has been told more than {MAX_CANDIDATES} network addresses.")
        self._known |= news
        for address in fragment.addresses:
            if address in news:
                await self._add(address)
        return [name for name in fragment.names if name in news]

    async def find_names(self, names: Sequence[str]) -> None:
        """Add the addresses behind names of the local network (mDNS), as they are found; nobody waits for that."""
        for error in await asyncio.gather(*map(self._add, names), return_exceptions=True):
            if error is not None:  # no multicast here; the peer's own checks can still make the call
                logger.debug("a name in the local network was not looked for: %r", error)


async def _add_to_connection(connection: RTCPeerConnection, mid: str, value: str) -> None:
    candidate = candidate_from_sdp(value)
    candidate.sdpMid = mid
    await connection.addIceCandidate(candidate)


async def _add_to_agent(agent: Any, value: str) -> None:
    await agent.add_remote_candidate(Candidate.from_sdp(value))

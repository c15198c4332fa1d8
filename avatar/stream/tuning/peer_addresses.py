"""The addresses of a peer that become known after its offer: trickled ones, and those behind names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiortc import RTCPeerConnection
from aiortc.sdp import candidate_from_sdp

from avatar.errors import TrickleError
from avatar.stream.sdp.offer import Offer
from avatar.stream.sdp.transport import MAX_CANDIDATES
from avatar.stream.trickle import Fragment

logger = logging.getLogger(__name__)


class PeerAddresses:
    """Tells ICE of them. Used on the event loop only."""

    def __init__(self, connection: RTCPeerConnection, offer: Offer) -> None:
        """Add to what the offer says, once the connection has been told of the offer."""
        self._connection, self._mid = connection, offer.mid
        self._user = offer.ice_user
        self._known: set[str] = set()

    async def add(self, fragment: Fragment) -> list[str]:
        """Add what is new; return the candidates that are names, which `find_names` looks for.

        Raises TrickleError where there are too many, and (`ice_restart`) where the peer means to begin ICE anew.
        """
        if not fragment.users <= {self._user}:
            raise TrickleError("A call cannot restart ICE. End it and make a new one.", code="ice_restart")
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

    async def _add(self, value: str) -> None:
        candidate = candidate_from_sdp(value)
        candidate.sdpMid = self._mid
        await self._connection.addIceCandidate(candidate)

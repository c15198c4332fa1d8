"""Whether the peer still wants our packets: ICE's consent checks (RFC 7675), and how a connection ended.

aioice 0.13 gives the answer to a check half a second. Where CPU is short the answer lies in the socket for longer, and
after six of them aioice closes a connection over which packets come all the time. As in `aiortc_tuning`, private parts
are touched on one connection's own objects only; `tests/stream/tuning/test_consent.py` says when they have changed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from aioice import stun
from aiortc import RTCPeerConnection
from OpenSSL import SSL

from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.transport_tuning import transports

logger = logging.getLogger(__name__)

CHECK_S: Final = 5.0
"""From one check to the next, a fifth more or less by chance (RFC 7675, 5.1)."""
EXPIRES_S: Final = 30.0
"""Consent ends this long after the last check that was answered (RFC 7675, 5.1)."""
REPEATS: Final = 3
"""A check is sent again after 0.5, 1 and 2 s and fails after 7.5 s; aioice sends it once and waits for 0.5 s."""


def keep_consent(agents: Iterable[Any], *, clock: Callable[[], float] = time.monotonic) -> None:
    """Let these ICE agents ask for consent patiently; call it before they are connected."""
    for agent in agents:
        private_name(agent, "query_consent_task")
        setattr(agent, private_name(agent, "query_consent"), partial(_ask, agent, clock))


def said_goodbye(connection: RTCPeerConnection) -> bool:
    """Return whether the peer has ended the connection itself (a close_notify of DTLS came)."""
    sessions = [getattr(dtls, private_name(dtls, "ssl")) for dtls in transports(connection)]
    return any(session is not None and session.get_shutdown() & SSL.RECEIVED_SHUTDOWN for session in sessions)


async def _ask(agent: Any, clock: Callable[[], float]) -> None:
    nominated = getattr(agent, private_name(agent, "nominated"))
    answered_s = clock()
    while True:
        await asyncio.sleep(CHECK_S * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        for pair in list(nominated.values()):
            try:
                await pair.protocol.request(
                    agent.build_request(pair, nominate=False),
                    pair.remote_addr,
                    integrity_key=agent.remote_password.encode("utf8"),
                    retransmissions=REPEATS,
                )
                answered_s = clock()
            except stun.TransactionError:
                logger.debug("a consent check was not answered")
        if clock() - answered_s >= EXPIRES_S:
            logger.info("the peer has not answered for %.0f s: consent to send has expired", clock() - answered_s)
            setattr(agent, private_name(agent, "query_consent_task"), None)  # closing would cancel this very task
            await agent.close()
            return

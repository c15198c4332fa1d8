"""Touches of aiortc's and aioice's private parts that let other people's clients connect.

Like `aiortc_tuning`, on one connection's own objects: no module and no class is changed, each touch checks that the
private part is there, and `tests/stream/tuning/test_transport_tuning.py` says in plain words which one has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aioice.candidate import candidate_priority
from aiortc import RTCPeerConnection
from OpenSSL import SSL

from avatar.stream.tuning.aiortc_tuning import private_name

DTLS_CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
"""aiortc's own suites, then one for peers whose certificate is RSA. Short: each makes the ClientHello longer, and small
TLS libraries take only one that fits a single datagram."""

FIRST_CHECK_S: Final = 0.5
"""How long the peer's first connectivity check is waited for: an answer's way to it and a check's way back. A peer that
sends none (ICE lite) connects so much later."""
POLL_S: Final = 0.005


def transports(connection: RTCPeerConnection) -> list[Any]:
    """Return the DTLS transports that a connection has now; the ICE transport of each is its `transport`."""
    return list(getattr(connection, private_name(connection, "dtlsTransports")))


def let_the_peer_begin_dtls(connection: RTCPeerConnection) -> None:
    """Answer `a=setup:passive` to an offer of actpass; call it between `setRemoteDescription` and `createAnswer`."""
    # aiortc answers `active`. A DTLS client has to name the suites of the peer's certificate, a server does not.
    remote = getattr(connection, private_name(connection, "remoteDtls")).values()
    if any(parameters.role != "auto" for parameters in remote):
        return
    for dtls in transports(connection):
        if getattr(dtls, private_name(dtls, "role")) == "auto":
            dtls._set_role("server")


def accept_rsa_certificates(connection: RTCPeerConnection) -> None:
    """Let the peer's certificate be RSA where this end begins the DTLS handshake; call it before that."""
    # aiortc offers ECDSA suites only: a peer with an RSA certificate finds "no shared cipher".
    for certificate in getattr(connection, private_name(connection, "certificates")):
        name = private_name(certificate, "create_ssl_context")
        setattr(certificate, name, _with_ciphers(getattr(certificate, name)))


def _with_ciphers(create: Callable[..., SSL.Context]) -> Callable[..., SSL.Context]:
    def create_with_ciphers(*args: Any, **named: Any) -> SSL.Context:
        context = create(*args, **named)
        context.set_cipher_list(":".join(DTLS_CIPHERS).encode())
        return context

    return create_with_ciphers


def accept_checks_without_priority(agents: Iterable[Any]) -> None:
    """Let connectivity checks lack PRIORITY, as those of FFmpeg 8.0 do; call it before addresses are gathered."""
    # RFC 8445 asks for the attribute; aioice reads it without asking whether it is there, and the check is lost.
    for agent in agents:
        name = private_name(agent, "check_incoming")
        setattr(agent, name, _with_priority(getattr(agent, name)))


def let_the_peer_check_first(agents: Iterable[Any]) -> None:
    """Send no connectivity check before the peer's first, or `FIRST_CHECK_S`; call it before addresses are gathered."""
    # aioice begins when the answer is made. A check that overtakes the answer lets libdatachannel connect, and begin
    # the DTLS handshake, while it is still taking the answer in: on a busy machine one call in forty then fails. The
    # peer's checks come once it has read the answer, and each is answered by one of ours at once.
    for agent in agents:
        name = private_name(agent, "connect")
        setattr(agent, name, _after_first_check(agent, getattr(agent, name)))


def _after_first_check(agent: Any, connect: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    early, closing = private_name(agent, "early_checks"), private_name(agent, "closing")

    async def connect_after_first_check() -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + FIRST_CHECK_S
        while not getattr(agent, early) and not getattr(agent, closing) and loop.time() < end_s:  # noqa: ASYNC110 - aioice tells nobody
            await asyncio.sleep(POLL_S)
        if getattr(agent, closing):
            raise ConnectionError("closed before the peer's first check")
        await connect()

    return connect_after_first_check


def _with_priority(check: Callable[..., None]) -> Callable[..., None]:
    def check_with_priority(message: Any, addr: tuple[str, int], protocol: Any) -> None:
        component = protocol.local_candidate.component
        message.attributes.setdefault("PRIORITY", candidate_priority(component, "prflx"))
        check(message, addr, protocol)

    return check_with_priority

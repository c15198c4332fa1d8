"""The STUN and TURN servers of a call (RFC 7064, RFC 7065), checked when the server starts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from aiortc import RTCIceServer

from avatar.config import TransportSettings
from avatar.errors import AvatarError

_URL: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):"
    r"(?:(?P<name>[^\s:@/?#<>\"]+):(?P<password>[^\s:@/?#<>\"]+)@)?"
    r"(?P<place>(?:\[[0-9a-fA-F:.]+\]|[^\s\[\]:@/?#<>\"]+)(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?)"
)
_USER: Final = "avatar"
"""Stands in names that expire, for the TURN server's log."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server."""

    url: str
    """Without name and password."""
    username: str | None = None
    """Of a TURN server; None for STUN."""
    credential: str | None = field(default=None, repr=False)


def ice_servers(settings: TransportSettings, *, now_s: float | None = None) -> tuple[IceServer, ...]:
    """Return the servers that the settings name, with names and passwords that are good from `now_s` on.

    Ask anew for each call: names made from a shared secret expire. `now_s` is in seconds since 1970; None: now. Raises
    AvatarError for a URL or credentials that cannot be used.
    """
    servers = (read_ice_server(url) for url in settings.ice_servers)
    return tuple(_with_credentials(server, settings, time.time() if now_s is None else now_s) for server in servers)


def read_ice_server(url: str) -> IceServer:
    """Return the server at a URL, which may hold a name and a password. Raises AvatarError where it is none."""
    found = _URL.fullmatch(url)
    if found is None:
        shown = re.sub(r":[^:@]*@", ":********@", url)
        raise AvatarError(
            f"{shown!r} is no STUN or TURN server: give one such as stun:host:3478, turn:host:3478 or "
            "turn:name:password@host:3478 (what an address cannot hold, as %40 for @)."
        )
    bare = f"{found['scheme']}:{found['place']}"
    if not found["scheme"].startswith("turn"):
        return IceServer(bare)
    if found["name"] is None:
        return IceServer(bare)
    return _checked(IceServer(bare, unquote(found["name"]), unquote(found["password"])))


def expiring_credentials(secret: str, now_s: float, good_for_s: float) -> tuple[str, str]:
    """Return (name, password) at a TURN server that knows `secret`, good for so many seconds.

    The name says when it expires, the password is the name's HMAC: draft-uberti-behave-turn-rest-00, 2.2, which coturn
    calls use-auth-secret.
    """
    name = f"{int(now_s + good_for_s)}:{_USER}"
    return name, base64.b64encode(hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()).decode()


def as_aiortc_takes_them(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    """Return the servers for an RTCConfiguration. It must not be left out: aiortc then asks a public server."""
    return [RTCIceServer(urls=one.url, username=one.username, credential=one.credential) for one in servers]


def _with_credentials(server: IceServer, settings: TransportSettings, now_s: float) -> IceServer:
    if not server.url.startswith("turn") or server.username is not None:
        return server
    if settings.turn_secret is not None:
        name, password = expiring_credentials(settings.turn_secret, now_s, settings.turn_name_s)
        return replace(server, username=name, credential=password)
    if not settings.turn_username or not settings.turn_credential:
        raise AvatarError(
            f"The TURN server {server.url} wants a name and a password: set AVATAR_TURN_USERNAME and "
            "AVATAR_TURN_PASSWORD (or turn_username and turn_password in the settings file), or AVATAR_TURN_SECRET "
            "where it goes by a shared secret."
        )
    return _checked(replace(server, username=settings.turn_username, credential=settings.turn_credential))


def _checked(server: IceServer) -> IceServer:
    if not all(text.isascii() and text.isprintable() for text in (server.username or "", server.credential or "")):
        raise AvatarError("The name and the password at a TURN server are of plain letters, digits and marks (ASCII).")
    return server

"""The STUN and TURN servers of a call (RFC 7064, RFC 7065), checked when the server starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from avatar.config import TransportSettings
from avatar.errors import AvatarError

_URL: Final = re.compile(
    r"(stuns?|turns?):(\[[0-9a-fA-F:.]+\]|[^\s\[\]:/?#<>\"]+)(:[0-9]{1,5})?(\?transport=(udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server."""

    url: str
    username: str | None = None
    """Of a TURN server; None for STUN."""
    credential: str | None = field(default=None, repr=False)


def ice_servers(settings: TransportSettings) -> tuple[IceServer, ...]:
    """Return the servers that the settings name. Raises AvatarError for a URL or credentials that cannot be used."""
    return tuple(_server(url, settings.turn_username, settings.turn_credential) for url in settings.ice_servers)


def _server(url: str, username: str | None, credential: str | None) -> IceServer:
    found = _URL.fullmatch(url)
    if found is None:
        raise AvatarError(f"{url!r} is no STUN or TURN server: give one such as stun:host:3478 or turn:host:3478.")
    if not found[1].startswith("turn"):
        return IceServer(url)
    if not username or not credential:
        raise AvatarError(
            f"The TURN server {url} wants a name and a password: set AVATAR_TURN_USERNAME and AVATAR_TURN_PASSWORD "
            "(or turn_username and turn_password in the settings file)."
        )
    if not all(text.isascii() and text.isprintable() for text in (username, credential)):
        raise AvatarError(
            "AVATAR_TURN_USERNAME and AVATAR_TURN_PASSWORD are of plain letters, digits and marks (ASCII)."
        )
    return IceServer(url, username, credential)

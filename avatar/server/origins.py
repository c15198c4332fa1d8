"""Which web pages may use this server: what a browser tells of where a request comes from, checked before it is heard.

A browser sends requests for every page it shows. A page from elsewhere could so use a server on the user's own machine:
directly, which its Origin tells (Fetch standard, 3.2), or under a name of its own that it lets point here ("DNS
rebinding"), which the Host tells. Programs other than browsers send no Origin and are not concerned.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from avatar.errors import AvatarError
from avatar.server.problems import RequestError, problem_of

ANY: Final = "*"
_BRACKETED: Final = re.compile(r"\[([0-9a-f:.%a-z]+)\](?::[0-9]*)?")
_NAME: Final = re.compile(r"[a-z0-9._-]+")
_HOST: Final = re.compile(rf"{_NAME.pattern}(?::[0-9]*)?|{_BRACKETED.pattern}")
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OriginRules:
    """Who is let in."""

    hosts: frozenset[str] | None
    """Names this server answers to, in lower case; addresses and localhost always. None: any."""
    origins: frozenset[str]
    """Other sites, as browsers write them, whose pages may call, upload and remove; `*`: all."""
    guarded: bool = False
    """Calls and uploads need a token. Pages bring that themselves, never a cookie, so any that has it may call."""

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Accept a request. Raises RequestError (`unknown_host`, `foreign_origin`).

        `headers` has names in lower case.
        """
        host = headers.get("host", "")
        if self.hosts is not None and host and not self._answers_to(host):
            name = host_name(host)
            if _NAME.fullmatch(name) is None:
                raise RequestError("The Host header holds no name or address of a server.", code="unknown_host")
            raise RequestError(
                f"This server does not go by the name '{name[:100]}'. Use its address, or start it with "
                f"--allow-host {name[:100]} (or with an AVATAR_TOKEN).",
                code="unknown_host",
            )
        if method not in _READING and not self._may_change(host, headers):
            origin = headers.get("origin")
            if not origin:
                raise RequestError("Pages from another site may not use this server.", code="foreign_origin")
            raise RequestError(
                f"Pages from {origin[:100]} may not use this server. Its operator can let them in with "
                f"--allow-origin {origin[:100]} (or ask for an AVATAR_TOKEN).",
                code="foreign_origin",
            )

    def names(self, origin: str) -> bool:
        """Return whether the operator has let pages from `origin` in."""
        return ANY in self.origins or origin in self.origins

    def _answers_to(self, host: str) -> bool:
        name = host_name(host)
        return self.hosts is None or name in self.hosts or _is_always_ours(name)

    def _may_change(self, host: str, headers: Mapping[str, str]) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if self.guarded or (origin is not None and self.names(origin)):
            return True
        if site is not None:  # what no page can forge, and no proxy between spoils
            return site in ("same-origin", "none")
        return origin is None or _is_at(origin, host)


def host_name(host: str) -> str:
    """Return the name or address in a Host header, in lower case, without its port."""
    name = host.strip().lower()
    if found := _BRACKETED.fullmatch(name):
        return found[1]
    return name.partition(":")[0].rstrip(".")


def rules_of(host: str, *, hosts: Iterable[str], origins: Iterable[str], guarded: bool, tls: bool) -> OriginRules:
    """Return the rules of a server.

    Args:
        host: what it listens on.
        hosts: further names it goes by; `*`: any.
        origins: other sites that are let in.
        guarded: it asks for a token.
        tls: it has a certificate, which no other site's name is in: browsers themselves then refuse a wrong Host.

    Raises:
        AvatarError: an origin or a name that is none.
    """
    named = frozenset(_checked_origin(origin) for origin in origins)
    hosts = frozenset(_checked_host(name) for name in hosts)
    any_host = guarded or tls or ANY in hosts
    own = frozenset({host.lower(), *_machine_names()}) | hosts
    return OriginRules(None if any_host else own, named, guarded)


def _machine_names() -> set[str]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"}


def _is_always_ours(name: str) -> bool:
    """Return whether no stranger can let this name point here: an address, or this machine's own name for itself."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_at(origin: str, host: str) -> bool:
    """Return whether an origin is the server that the Host header names; a proxy may have another scheme than we."""
    try:
        parts = urlsplit(origin.lower())
        ours = urlsplit(f"//{host.strip().lower()}")
        port = _PORTS.get(parts.scheme)
        same_port = (parts.port or port) == (ours.port or port)
    except ValueError:
        return False
    return parts.scheme in _PORTS and parts.hostname == ours.hostname and same_port


def _checked_host(host: str) -> str:
    text = host.strip().lower()
    if text != ANY and _HOST.fullmatch(text) is None:
        raise AvatarError(
            f"{host!r} is no name of a server: give one such as avatar.example, without a scheme or path, each name by "
            "itself or * for any; a name with other letters as browsers send it (xn--...)."
        )
    return host_name(text)


def _checked_origin(origin: str) -> str:
    text = origin.strip().lower().rstrip("/")
    if text in (ANY, "null"):
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    named = _NAME.fullmatch(host) or ":" in host
    if not named or not parts.scheme or parts.path or parts.query or parts.username is not None:
        raise AvatarError(
            f"{origin!r} is no origin: give one such as https://site.example, without a path, each site by itself or "
            "* for all; a name with other letters as browsers send it (xn--...)."
        )
    # Browsers leave a scheme's own port out.
    return text.removesuffix(f":{port}") if port is not None and _PORTS.get(parts.scheme) == port else text


def _is_page(path: str) -> bool:
    return path in ("/", "/obs") or path.startswith(("/client/", "/watch/"))


def is_a_watch_link(path: str) -> bool:
    """Return whether an address holds what lets one in: no page can use it that has not been given it."""
    return path.startswith("/whep/")


class OriginMiddleware:
    """Refuses requests by the rules."""

    def __init__(self, app: ASGIApp, rules: OriginRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._may_open(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008, "reason": "Pages from another site may not do this."})
            return
        # The page itself is the same for everybody, and tells who comes by a wrong name what to do.
        if scope["type"] == "http" and not _is_page(scope["path"]):
            try:
                method = "GET" if is_a_watch_link(scope["path"]) else scope["method"]
                self._rules.check(method, Headers(scope=scope))
            except RequestError as error:
                await problem_of(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _may_open(self, headers: Headers) -> bool:
        """Return whether a WebSocket may be opened, which browsers let any page do that no server refuses."""
        try:
            self._rules.check("POST", headers)
        except RequestError:
            return False
        return True

"""Who may use which address: one table of all of them, and the gate that holds every request against it.

An address that is not in the table is for nobody but the operator, so that a new one is never open by mistake
(`tests/server/test_access.py` says which is missing).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from avatar.config import LimitSettings
from avatar.errors import TokenError
from avatar.server.auth import bearer_of, check_token
from avatar.server.problems import RequestError
from avatar.server.rate_limits import Costly, RateLimits
from avatar.server.tokens import EVERYTHING, Grant, Scope, check_secret, read_token
from avatar.server.visitors import visitor_of


@dataclass(frozen=True, slots=True)
class Access:
    """What an address asks of who uses it."""

    scopes: frozenset[Scope] = frozenset()
    """Any of these, on a server that asks for a token; none: whoever knows the address may use it."""
    costly: Costly | None = None
    """What is counted against the visitor, and the token."""
    guarded_by: str | None = None
    """The scopes are asked for only where the operator says so, by this setting."""


OPEN: Final = Access()
"""For everybody, or for whoever has the id in it, which nobody can guess."""
_CALL: Final = frozenset[Scope]({"call"})
_WATCH: Final = Access(frozenset[Scope]({"watch", "call"}), guarded_by="guard_watching")
_ADMIN: Final = Access(frozenset[Scope]({"admin"}))

ACCESS: Final[Mapping[tuple[str, str], Access]] = {
    # The page, and what it has to know
    ("GET", "/"): OPEN,
    ("GET", "/obs"): OPEN,
    ("GET", "/watch/{token}"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/docs/style.css"): OPEN,
    ("GET", "/api/config"): OPEN,
    ("GET", "/healthz"): OPEN,
    ("GET", "/metrics"): _ADMIN,
    # Avatars and backgrounds: listed ones are seen by everybody, an upload is known to who has its id. A file is the
    # face itself, to be used anywhere: for those who may use it here.
    ("GET", "/api/avatars"): OPEN,
    ("POST", "/api/avatars"): Access(frozenset({"enroll"}), costly="uploads"),
    ("GET", "/api/avatars/{avatar_id}"): OPEN,
    ("GET", "/api/avatars/{avatar_id}/preview.jpg"): OPEN,
    ("GET", "/api/avatars/{avatar_id}/file"): Access(frozenset({"call", "enroll"})),
    ("DELETE", "/api/avatars/{avatar_id}"): OPEN,
    ("POST", "/api/live-checks"): Access(frozenset({"enroll"}), costly="uploads"),
    ("POST", "/api/live-checks/{check_id}/pictures"): OPEN,
    ("DELETE", "/api/live-checks/{check_id}"): OPEN,
    ("POST", "/api/backgrounds"): Access(frozenset({"enroll", "call"}), costly="uploads"),
    ("DELETE", "/api/backgrounds/{background_id}"): OPEN,
    # Calls: whoever holds the id may end one
    ("POST", "/whip"): Access(_CALL, costly="offers"),
    ("GET", "/whip"): OPEN,
    ("GET", "/whip/{call_id}"): OPEN,
    ("PATCH", "/whip/{call_id}"): OPEN,
    ("DELETE", "/whip/{call_id}"): OPEN,
    ("GET", "/api/calls/{call_id}"): OPEN,
    ("GET", "/api/rooms/{room_id}"): Access(_CALL, costly="rooms"),
    ("POST", "/api/calls/{call_id}/recording"): Access(frozenset({"record"})),
    ("GET", "/api/calls/{call_id}/recording"): OPEN,
    ("DELETE", "/api/calls/{call_id}/recording"): OPEN,
    # Watching: the link lets one in
    ("POST", "/whep/{token}"): Access(_WATCH.scopes, costly="offers", guarded_by=_WATCH.guarded_by),
    ("GET", "/whep/{token}"): _WATCH,
    ("GET", "/whep/{token}/{watcher_id}"): OPEN,
    ("PATCH", "/whep/{token}/{watcher_id}"): OPEN,
    ("DELETE", "/whep/{token}/{watcher_id}"): OPEN,
}
"""By method and pattern of the address."""


class Gate:
    """Lets requests in, or not. A dependency of every route; `grant_of` returns what it found out.

    Used on the event loop only.
    """

    def __init__(
        self,
        limits: LimitSettings,
        *,
        token: str | None = None,
        token_secret: str | None = None,
        guard_watching: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guard a server.

        Args:
            limits: how often a visitor, or a token, may ask.
            token: of the operator, allows everything; None: there is none.
            token_secret: signs tokens that allow less; None: there are none. With neither, none is asked for.
            guard_watching: a watch link alone does not let one in.
            clock: seconds, as time.monotonic().

        Raises:
            TokenError: a token that nobody could send, a secret too short, or neither where watching is guarded.
        """
        if token is not None:
            check_token(token)
        if token_secret is not None:
            check_secret(token_secret)
        if guard_watching and token is None and token_secret is None:
            raise TokenError(
                "With --guard-watching, who watches is asked for a token, and this server has none. Set "
                "AVATAR_TOKEN_SECRET (avatar token --help) or AVATAR_TOKEN."
            )
        self._token, self._secret, self._clock = token, token_secret, clock
        self._rates = RateLimits.of(limits)
        self._guards = frozenset({"guard_watching"} if guard_watching else ())

    @property
    def asks_for_token(self) -> bool:
        """Whether calls and uploads need one."""
        return self._token is not None or self._secret is not None

    async def __call__(self, request: Request) -> None:
        """Let a routed request in. Raises RequestError (unauthorized, insufficient_scope), TooManyRequestsError."""
        access = ACCESS.get((request.method, request.scope["route"].path), _ADMIN)
        request.state.grant = grant = self._grant(request, access)
        if access.costly is not None:
            self.count(access.costly, request, grant)

    def count(self, what: Costly, request: Request, grant: Grant) -> None:
        """Count a request against its visitor, and its token. Raises TooManyRequestsError."""
        now_s = self._clock()
        self._rates.take(what, f"address {visitor_of(request)}", now_s)
        if grant.token_id is not None:
            self._rates.take(what, f"token {grant.token_id}", now_s)

    def may(self, request: Request, scope: Scope) -> bool:
        """Return whether a request's token allows something."""
        try:
            self._grant(request, Access(frozenset({scope})))
        except RequestError:
            return False
        return True

    def _grant(self, request: Request, access: Access) -> Grant:
        if not self.asks_for_token:
            return EVERYTHING
        if not access.scopes or (access.guarded_by is not None and access.guarded_by not in self._guards):
            return Grant(frozenset())
        grant = self._read(bearer_of(request))
        if not grant.scopes & access.scopes:
            raise RequestError(
                f"This token does not allow this: one with the scope {' or '.join(sorted(access.scopes))} does.",
                code="insufficient_scope",
            )
        return grant

    def _read(self, given: str) -> Grant:
        if self._token is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            return EVERYTHING
        if self._secret is None:
            raise RequestError(
                "This is not the server's token. Whoever runs the server knows it: AVATAR_TOKEN there.",
                code="unauthorized",
            )
        return read_token(self._secret, given)


def require_avatar(grant: Grant, avatar_id: str) -> None:
    """Accept an avatar that a token is for. Raises RequestError (insufficient_scope)."""
    if grant.avatar not in (None, avatar_id):
        raise RequestError(f"This token is for the avatar {grant.avatar}.", code="insufficient_scope")


def grant_of(request: Request) -> Grant:
    """Return what the gate found that the sender of a request may do."""
    grant: Grant = request.state.grant
    return grant

"""Tokens that an operator hands out: what they allow and until when, signed (JWT, RFC 7519, HS256).

A server keeps no list of them: whoever knows its secret can make them, and all of them end when the secret is changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

import jwt

from avatar.errors import TokenError
from avatar.server.problems import RequestError

Scope: TypeAlias = Literal["call", "enroll", "record", "watch", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
ALGORITHM: Final = "HS256"
SECRET_BYTES: Final = 32
"""A shorter secret can be guessed from a token (RFC 7518, 3.2)."""
LEEWAY_S: Final = 10
"""So far the clocks of two machines may be apart."""
LONGEST_TOKEN: Final = 2048
LONGEST_LIFE: Final = timedelta(days=366)
MOST_CALLS: Final = 1000
_ISSUER: Final = "avatar"
_AVATAR_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Grant:
    """What the sender of a request may do."""

    scopes: frozenset[Scope]
    token_id: str | None = None
    """Of a token that was handed out; None: the server's own, or a server that asks for none."""
    avatar: str | None = None
    """The only avatar that calls may show; None: any."""
    calls: int | None = None
    """Calls at once by this token; None: as many as the server takes."""


EVERYTHING: Final = Grant(frozenset(SCOPES))


def check_secret(secret: str) -> None:
    """Accept a secret that tokens can be signed with. Raises TokenError."""
    if len(secret.encode()) < SECRET_BYTES:
        raise TokenError(
            f"AVATAR_TOKEN_SECRET is too short to sign tokens with: {SECRET_BYTES} letters are needed. "
            "A good one is printed by: avatar token --new-secret"
        )


def make_token(
    secret: str,
    scopes: Collection[Scope],
    life: timedelta,
    *,
    now: datetime | None = None,
    avatar: str | None = None,
    calls: int | None = None,
) -> str:
    """Return a token that allows `scopes` for so long from `now` on (None: from this moment).

    `avatar`, `calls`: see `Grant`. Raises TokenError for what no token can say.
    """
    check_secret(secret)
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise TokenError(f"A token lasts {LONGEST_LIFE.days} days at most.")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise TokenError(f"A token allows some of: {', '.join(SCOPES)}.")
    if avatar is not None and not 0 < len(avatar) <= _AVATAR_LENGTH:
        raise TokenError(f"An avatar's id has 1 to {_AVATAR_LENGTH} letters.")
    if calls is not None and not 1 <= calls <= MOST_CALLS:
        raise TokenError(f"A token allows 1 to {MOST_CALLS} calls at once.")
    begin = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": _ISSUER,
        "iat": begin,
        "exp": begin + life,
        "jti": secrets.token_hex(8),
        "scope": " ".join(scope for scope in SCOPES if scope in scopes),
    }
    claims |= {} if avatar is None else {"avatar": avatar}
    claims |= {} if calls is None else {"calls": calls}
    return jwt.encode(claims, secret, ALGORITHM)


def read_token(secret: str, token: str) -> Grant:
    """Return what a token allows. Raises RequestError (`unauthorized`) for one that is none of ours, or has expired."""
    if len(token) > LONGEST_TOKEN:
        raise _no_token()
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],  # never what the token itself says
            issuer=_ISSUER,
            leeway=LEEWAY_S,
            options={"require": ["iss", "iat", "exp", "jti", "scope"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise RequestError(
            "This token has expired: ask whoever runs the server for a new one (avatar token).", code="unauthorized"
        ) from error
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise _no_token() from error
    scope, avatar, calls = claims["scope"], claims.get("avatar"), claims.get("calls")
    known = isinstance(scope, str) and isinstance(avatar, str | None) and isinstance(calls, int | None)
    if not known or isinstance(calls, bool):
        raise _no_token()
    return Grant(frozenset(one for one in SCOPES if one in scope.split()), str(claims["jti"])[:64], avatar, calls)


def _no_token() -> RequestError:
    return RequestError(
        "This is no token of this server. Whoever runs the server can make one: avatar token.", code="unauthorized"
    )

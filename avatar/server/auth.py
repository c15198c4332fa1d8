"""Bearer tokens of requests (RFC 6750), and the guard of a page that has one token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from fastapi import Request

from avatar.errors import TokenError
from avatar.server.problems import RequestError


def check_token(token: str) -> None:
    """Accept a token that a request can carry. Raises TokenError."""
    if not (token.isascii() and token.isprintable()) or token != token.strip():
        raise TokenError(
            "AVATAR_TOKEN holds characters that no request can carry: choose one of plain letters, digits and marks "
            "(ASCII), without a blank at either end."
        )


def bearer_of(request: Request) -> str:
    """Return the token that a request brings. Raises RequestError (`unauthorized`) where it brings none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise RequestError(
            "This server asks for a token: send it as `Authorization: Bearer TOKEN`.", code="unauthorized"
        )
    return given.strip()


def bearer_guard(token: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses requests without `Authorization: Bearer TOKEN`.

    Raises TokenError for a token that nobody could send.
    """
    check_token(token)

    async def check(request: Request) -> None:
        if not hmac.compare_digest(bearer_of(request).encode(), token.encode()):
            raise RequestError("This is not the page's token. Whoever started it has its link.", code="unauthorized")

    return check

"""The optional bearer token (RFC 6750) that offers, uploads and measurements need on a guarded server."""

from __future__ import annotations

import hmac
from collections.abc import Callable

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


def bearer_guard(token: str | None) -> Callable[[Request], None]:
    """Return a dependency that refuses requests without `Authorization: Bearer TOKEN`; without a token, none.

    Raises TokenError for a token that nobody could send.
    """
    if token is not None:
        check_token(token)

    def check(request: Request) -> None:
        if token is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise RequestError(
                "This server asks for a token: send it as `Authorization: Bearer TOKEN`.", code="unauthorized"
            )
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise RequestError(
                "This is not the server's token. Whoever runs the server knows it: AVATAR_TOKEN there.",
                code="unauthorized",
            )

    return check

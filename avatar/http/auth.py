"""The optional bearer token (RFC 6750) that offers and uploads need on a guarded server."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from fastapi import Request

from avatar.http.problems import RequestError


def bearer_guard(token: str | None) -> Callable[[Request], None]:
    """Return a dependency that refuses requests without `Authorization: Bearer TOKEN`; without a token, none."""

    def check(request: Request) -> None:
        if token is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise RequestError(
                "This server asks for a token: send it as `Authorization: Bearer TOKEN`.", code="unauthorized"
            )

    return check

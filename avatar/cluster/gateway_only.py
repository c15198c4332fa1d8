"""The door of a replica: requests come from gateways alone, which tell whom they are from."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from avatar.server.problems import problem

KEY: Final = b"x-avatar-gateway"
"""Header that shows a gateway to be one."""
VISITOR: Final = b"x-avatar-visitor"
"""Header with the visitor's address."""
SCHEME: Final = b"x-avatar-scheme"
OWN_HEADERS: Final = frozenset({KEY, VISITOR, SCHEME})
"""What no visitor can say: gateways leave out what comes under these names."""


class GatewayOnly:
    """Refuses requests without the cluster's key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(KEY, b""), self._key):
            answer = problem(403, "gateway_only", "This is a replica of a cluster: ask the cluster's own address.")
            await answer(scope, receive, send)
            return
        await self._app(
            {
                **scope,
                "client": (headers.get(VISITOR, b"").decode("latin-1"), 0),
                "scheme": headers.get(SCHEME, b"http").decode("latin-1"),
                "headers": [pair for pair in scope["headers"] if pair[0] not in OWN_HEADERS],
            },
            receive,
            send,
        )

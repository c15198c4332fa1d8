"""The access log of `avatar serve --verbose`: a line for each answer, without the ids and queries of addresses.

The id of an upload and of a call lets whoever holds it use or end it, so an address is logged as its pattern.
"""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)


def route_pattern(scope: Scope) -> str:
    """Return the pattern of a routed request's address, such as /whip/{call_id}: few values, and no secrets."""
    if scope["path"].startswith("/client/"):
        return "/client"
    return getattr(scope.get("route"), "path", None) or "other"


class AccessLogMiddleware:
    """Logs each answer at level INFO."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not logger.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        status = 0
        started_s = time.perf_counter()

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            address = scope["client"][0] if scope.get("client") else "unknown"
            took_ms = (time.perf_counter() - started_s) * 1000
            logger.info("%s %s %s %d, %.0f ms", address, scope["method"], route_pattern(scope), status, took_ms)

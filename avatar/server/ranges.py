"""Files are answered whole: RFC 9110, 14.2, leaves parts of them to the server, and nothing here is large.

The framework would refuse a wrong `Range` header in plain text, not as the problem+json of every other error.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WholeFilesMiddleware:
    """Takes no notice of `Range`, and says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_saying_so(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "accept-ranges" in headers:
                    headers["Accept-Ranges"] = "none"
            await send(message)

        if scope["type"] == "http":  # in place: who counts and logs looks for the route in this scope
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
            await self._app(scope, receive, send_saying_so)
        else:
            await self._app(scope, receive, send)

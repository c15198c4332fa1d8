"""The methods an address takes (RFC 9110, 9.3): HEAD wherever there is GET, OPTIONS everywhere, each of them named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTED: Final = ("GET", "POST", "PATCH", "DELETE")
_METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> tuple[str, ...]:
    """Return the methods that this request's address takes; none where there is nothing at it."""
    routes = list(routes)
    found = []
    for method in _ROUTED:
        asked = {**scope, "method": method}
        matching = [route for route in routes if route.matches(asked)[0] is Match.FULL]
        if any(
            method == "GET" or not isinstance(route, Mount) for route in matching
        ):  # a mount takes any, to refuse it
            found.append(method)
    if found:
        found += ["HEAD", "OPTIONS"] if "GET" in found else ["OPTIONS"]
    return tuple(method for method in _METHODS if method in found)


class MethodsMiddleware:
    """Answers HEAD as GET without its body, and OPTIONS by the methods there are."""

    def __init__(self, app: ASGIApp, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS" and (allowed := self._allowed(scope)):
            await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> tuple[str, ...]:
        return allowed_methods(self._routes(), scope)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        scope["method"] = "GET"  # in place: who counts and logs looks for the route in this scope
        try:
            await self._app(scope, receive, send_without_body)
        finally:
            scope["method"] = "HEAD"

"""Headers on every answer: what the page may load and do, and who may read an answer."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar.server.origins import ANY, OriginRules, is_a_watch_link

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: mediastream:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Everything from this server alone, and nothing inline: text from anywhere can never become code."""

_EVERYWHERE: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), fullscreen=(self), speaker-selection=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CALLS: Final = ("/whip", "/whep")
_SHARED: Final = (*_CALLS, "/api")
"""What pages of other sites may use, where they are let in."""
_EXPOSED: Final = {
    "Access-Control-Expose-Headers": "Location, Link, ETag, Retry-After, WWW-Authenticate, Allow, Accept-Post, "
    "Access-Control-Allow-Methods"
}
"""What scripts of such pages may read. A WHIP client that looks for PATCH among the methods needs the last."""
_CALLS_OPTIONS: Final = {
    "Accept-Post": "application/sdp",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
}


class HeadersMiddleware:
    """Adds the headers, on error answers too."""

    def __init__(self, app: ASGIApp, rules: OriginRules) -> None:
        """`rules` say whose pages may read an answer."""
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        origin = Headers(scope=scope).get("origin")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_EVERYWHERE)
                if any(_is_under(path, shared) for shared in _SHARED):
                    headers.add_vary_header("Origin")
                    if origin is not None and (reader := self._may_read(path, origin)) is not None:
                        headers["Access-Control-Allow-Origin"] = reader
                        headers.update(_EXPOSED)
                    if scope["method"] == "OPTIONS":
                        headers.update(_options_headers(path, headers.get("Allow", "")))
                # The page is asked for anew each time (an ETag makes that cheap): a new server never meets an old page.
                headers.setdefault("Cache-Control", "no-cache" if path.startswith("/client/") else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _may_read(self, path: str, origin: str) -> str | None:
        """Return whom a page of another site is told to be let in as, and None where it is not."""
        if is_a_watch_link(path) or (self._rules.guarded and _is_a_calls(path)):
            return ANY  # it brings the token itself, never a cookie
        return origin if self._rules.names(origin) else None


def _options_headers(path: str, allow: str) -> dict[str, str]:
    found = {
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, ETag",
        "Access-Control-Max-Age": "86400",
    }
    return found | _CALLS_OPTIONS if _is_a_calls(path) else found


def _is_a_calls(path: str) -> bool:
    return any(_is_under(path, root) for root in _CALLS)


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")

"""Headers on every answer: what the page may load and do, and who may read an answer."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
}
_WHIP: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link, Retry-After",
}
"""A WHIP client may be a page of another origin (RFC 9725, 4.2); it brings its own credentials, never cookies."""

WHIP_PREFLIGHT: Final = {
    "Accept-Post": "application/sdp",
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
}


class HeadersMiddleware:
    """Adds the headers, on error answers too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_EVERYWHERE)
                if path == "/whip" or path.startswith("/whip/"):
                    headers.update(_WHIP)
                # The page is asked for anew each time (an ETag makes that cheap): a new server never meets an old page.
                headers.setdefault("Cache-Control", "no-cache" if path.startswith("/client/") else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)

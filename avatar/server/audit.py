"""What of the HTTP requests goes into the audit log, and that calls end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar.server.access_log import route_pattern
from avatar.trust.audit_log import Addresses, AuditLog, reference

ACTS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/api/avatars"): "avatar.enrolled",
    ("DELETE", "/api/avatars/{avatar_id}"): "avatar.removed",
    ("GET", "/api/avatars/{avatar_id}/file"): "avatar.downloaded",
    ("POST", "/api/live-checks"): "check.began",
    ("POST", "/api/backgrounds"): "background.uploaded",
    ("DELETE", "/api/backgrounds/{background_id}"): "background.removed",
    ("POST", "/whip"): "call.began",
    ("DELETE", "/whip/{call_id}"): "call.left",
    ("POST", "/whep/{token}"): "watching.began",
    ("DELETE", "/whep/{token}/{watcher_id}"): "watching.ended",
    ("POST", "/api/calls/{call_id}/recording"): "recording.began",
    ("DELETE", "/api/calls/{call_id}/recording"): "recording.ended",
}
"""What is logged, by method and pattern of the address; `call.ended` comes beside these, however a call ends."""
_NOTES: Final = "audit"
MOST_CALLS: Final = 10_000


def note(request: Request, **said: str | int | bool | None) -> None:
    """Say more of a request in its entry: nothing that is content, or a secret. Without an audit log, it is lost."""
    request.scope.setdefault(_NOTES, {}).update(said)


class Audit:
    """Knows which calls run, so that their ends are logged. Used on the event loop only."""

    def __init__(
        self,
        log: AuditLog,
        addresses: Addresses,
        runs: Callable[[str], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write into `log`; `runs` tells whether a call of this id goes on. `clock`: seconds, as time.monotonic()."""
        self._log, self._addresses, self._runs, self._clock = log, addresses, runs, clock
        self._calls: dict[str, float] = {}
        """When each call began, by its id."""

    def request(self, scope: Scope, status: int, location: str | None) -> None:
        """Log what was asked for and how it was answered, where that is one of `ACTS`."""
        what = ACTS.get((scope["method"], route_pattern(scope)))
        if what is None:
            return
        made = location.rpartition("/")[2] if location is not None and status == 201 else None
        if what == "call.began" and made is not None and len(self._calls) < MOST_CALLS:
            self._calls[made] = self._clock()
        parameters = scope.get("path_params", {})
        call = made if what == "call.began" else parameters.get("call_id")
        grant = scope.get("state", {}).get("grant")
        client = scope.get("client")
        said = {
            "status": status,
            "address": self._addresses.written(client[0]) if client else None,
            "token": getattr(grant, "token_id", None),
            "call": _referred(call),
            "avatar": _referred(made if what == "avatar.enrolled" else parameters.get("avatar_id")),
        }
        self._log.write(what, **said | scope.get(_NOTES, {}))

    def observe_calls(self) -> None:
        """Log the calls that have ended; to be called once a second."""
        for call_id in [call_id for call_id in self._calls if not self._runs(call_id)]:
            lasted_s = round(self._clock() - self._calls.pop(call_id), 1)
            self._log.write("call.ended", call=reference(call_id), seconds=lasted_s)

    def close(self) -> None:
        """Log the end of the calls that ended with the server, and end the log. Blocks for a moment."""
        self.observe_calls()
        self._log.close()


class AuditMiddleware:
    """Logs requests once they are answered."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app, self._audit = app, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, location = 500, None

        async def send_noted(message: Message) -> None:
            nonlocal status, location
            if message["type"] == "http.response.start":
                status = message["status"]
                found: Any = dict(message.get("headers", ())).get(b"location")
                location = found.decode("latin-1") if found is not None else None
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._audit.request(scope, status, location)


def _referred(identifier: str | None) -> str | None:
    return None if identifier is None else reference(identifier)

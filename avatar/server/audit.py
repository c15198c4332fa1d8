"""What of the HTTP requests goes into the audit log, and that calls and recordings end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar.media.recording import RecordingState
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
"""What is logged, by method and pattern of the address; `call.ended` and `recording.ended` come beside these, however a
call or a recording ends."""
_NOTES: Final = "audit"
MOST_CALLS: Final = 10_000


def note(request: Request, **said: str | float | bool | None) -> None:
    """Say more of a request in its entry: nothing that is content, or a secret. Without an audit log, it is lost."""
    request.scope.setdefault(_NOTES, {}).update(said)


RecordingOf = Callable[[str], Awaitable[RecordingState | None]]
"""Returns how far the recording of a call has come, by the call's id; None where there is none, or no such call."""


class Audit:
    """Knows which calls run and are recorded, so that their ends are logged. Used on the event loop only."""

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
        self._recordings: dict[str, _Recorded] = {}
        """What is being recorded, by the call's id."""

    def request(self, scope: Scope, status: int, location: str | None) -> None:
        """Log what was asked for and how it was answered, where that is one of `ACTS`."""
        what = ACTS.get((scope["method"], route_pattern(scope)))
        if what is None:
            return
        made = location.rpartition("/")[2] if location is not None and status == 201 else None
        if what == "call.began" and made is not None and len(self._calls) < MOST_CALLS:
            self._calls[made] = self._clock()
        parameters, noted = scope.get("path_params", {}), scope.get(_NOTES, {})
        self._follow_recording(what, parameters.get("call_id"), status, noted)
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
        self._log.write(what, **said | noted)

    async def observe_recordings(self, recording_of: RecordingOf) -> None:
        """Log the recordings that have ended though nobody asked for it; to be called once a second."""
        for call_id, recorded in list(self._recordings.items()):
            state = await recording_of(call_id)
            if state is not None and state.ended and self._recordings.get(call_id) is recorded:
                self._end_recording(call_id, failed=state.failure is not None)

    def observe_calls(self) -> None:
        """Log the calls that have ended, and that their recordings have; to be called once a second."""
        for call_id in [call_id for call_id in self._recordings if not self._runs(call_id)]:
            self._end_recording(call_id)
        for call_id in [call_id for call_id in self._calls if not self._runs(call_id)]:
            lasted_s = round(self._clock() - self._calls.pop(call_id), 1)
            self._log.write("call.ended", call=reference(call_id), seconds=lasted_s)

    def _follow_recording(self, what: str, call_id: str | None, status: int, noted: Mapping[str, Any]) -> None:
        if call_id is None:
            return
        if what == "recording.began" and status == 201:
            if call_id in self._recordings:  # the last one has ended by itself, and is not seen to have yet
                self._end_recording(call_id)
            if len(self._recordings) < MOST_CALLS:
                self._recordings[call_id] = _Recorded(noted.get("file"), self._clock())
        if what == "recording.ended" and status == 200:
            self._recordings.pop(call_id, None)

    def _end_recording(self, call_id: str, *, failed: bool | None = None) -> None:
        recorded = self._recordings.pop(call_id)
        lasted_s = round(self._clock() - recorded.began_s, 1)
        self._log.write(
            "recording.ended", call=reference(call_id), file=recorded.file, seconds=lasted_s, failed=failed or None
        )

    def close(self) -> None:
        """Log the end of the calls that ended with the server, and end the log. Blocks for a moment."""
        self.observe_calls()
        self._log.close()


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A recording that goes on, as far as is known."""

    file: str | None
    began_s: float


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

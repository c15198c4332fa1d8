"""The HTTP server: the page, the avatars, and calls made by one WHIP-shaped request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from fastapi import Depends, FastAPI

from avatar import __version__
from avatar.config import ServerSettings, TrustSettings
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.library import AvatarLibrary
from avatar.identities.live_checks import LiveChecks
from avatar.media.recording import RecordingState
from avatar.resources import resource_folder
from avatar.server.access import Gate
from avatar.server.access_log import AccessLogMiddleware
from avatar.server.audit import Audit, AuditMiddleware
from avatar.server.avatar_routes import avatar_routes
from avatar.server.background_routes import background_routes
from avatar.server.call_registry import CallRegistry
from avatar.server.call_routes import call_routes
from avatar.server.headers import HeadersMiddleware
from avatar.server.live_check_routes import live_check_routes
from avatar.server.methods import MethodsMiddleware
from avatar.server.metrics import Metrics, MetricsMiddleware
from avatar.server.origins import OriginMiddleware, OriginRules, rules_of
from avatar.server.problems import answer_errors_as_problems
from avatar.server.ranges import WholeFilesMiddleware
from avatar.server.recording_routes import recording_routes
from avatar.server.room_routes import room_routes
from avatar.server.schemas import ProblemAnswer, problems
from avatar.server.service_routes import add_page, service_routes
from avatar.server.telemetry import Telemetry, TelemetryMiddleware
from avatar.server.whep_routes import whep_routes
from avatar.server.whip_routes import whip_routes
from avatar.trust.audit_log import Addresses, AuditLog

FORGET_EVERY_S: Final = 30.0
"""How often it is looked for uploads that nobody uses any more."""

_Work = Callable[[], Coroutine[Any, Any, None]]


class _Closing(Protocol):
    def close(self) -> None: ...


def create_app(
    settings: ServerSettings,
    library: AvatarLibrary,
    calls: CallRegistry,
    *,
    backgrounds: BackgroundLibrary | None = None,
    live_checks: LiveChecks | None = None,
    token: str | None = None,
    on_start: _Work | None = None,
) -> FastAPI:
    """Return the application. It starts `library` when it starts, and closes `calls` and `library` when it stops.

    `backgrounds` keeps pictures that visitors send, and is closed too; None: they can send none. `live_checks` checks
    people before their camera, and is closed too; None: nobody is.
    With `token`, or the settings' `token_secret`, requests need a bearer token as `access.ACCESS` says; the ids that
    offers and uploads return are capabilities of their own. `on_start` runs beside everything else once the server is
    there.

    Raises TokenError for a token that nobody could send, AvatarError for an allowed origin or an ICE server that is
    none, InstallationError where there is no page, IntegrationError where telemetry is not installed.
    """
    metrics = Metrics(calls.snapshot)
    audit, telemetry = _audit(settings.trust, calls), _telemetry(settings.telemetry_url, calls)
    told = [each for each in (audit, telemetry) if each is not None]
    gate = Gate(
        settings.limits,
        token=token,
        token_secret=settings.token_secret,
        guard_watching=settings.guard_watching,
    )
    kept = [each for each in (library, backgrounds, live_checks) if each is not None]
    beside = [lambda: _observe([metrics, *told], audit, calls), lambda: _forget_unused(kept)]
    if on_start is not None:
        beside.append(on_start)
    app = _DocumentedApp(
        title="Avatar",
        version=__version__,
        description="A live face for anyone and any bot. Errors are application/problem+json with a stable `code`.",
        lifespan=lambda _: _running(library, calls, beside, [*kept, *told]),
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(gate)],
    )
    answer_errors_as_problems(app)
    rules = rules_of(
        settings.host,
        hosts=settings.allow_hosts,
        origins=settings.allow_origins,
        guarded=gate.asks_for_token,
        tls=settings.tls_cert is not None,
    )
    _add_middleware(app, rules, metrics, audit, telemetry)
    app.include_router(avatar_routes(library, settings.limits, metrics, live_checks))
    if live_checks is not None:
        app.include_router(live_check_routes(live_checks, settings.limits))
    if backgrounds is not None:
        app.include_router(background_routes(backgrounds, settings.limits))
    app.include_router(whip_routes(calls, settings, metrics, gate))
    app.include_router(whep_routes(calls.watchers, settings))
    app.include_router(call_routes(calls))
    app.include_router(room_routes(calls, settings.limits))
    app.include_router(recording_routes(calls))
    app.include_router(service_routes(settings, calls, metrics, gate, live_check=live_checks is not None))
    add_page(app, resource_folder("client"), calls.expect_another)
    return app


def _add_middleware(
    app: FastAPI, rules: OriginRules, metrics: Metrics, audit: Audit | None, telemetry: Telemetry | None
) -> None:
    """Let each request pass these, the last one added first."""
    app.add_middleware(WholeFilesMiddleware)
    app.add_middleware(MethodsMiddleware, routes=lambda: app.routes)
    app.add_middleware(OriginMiddleware, rules=rules)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(HeadersMiddleware, rules=rules)
    app.add_middleware(AccessLogMiddleware)
    if audit is not None:
        app.add_middleware(AuditMiddleware, audit=audit)
    if telemetry is not None:
        app.add_middleware(TelemetryMiddleware, telemetry=telemetry, clock=time.perf_counter)


@contextlib.asynccontextmanager
async def _running(
    library: AvatarLibrary, calls: CallRegistry, beside: Sequence[_Work], closing: Sequence[_Closing]
) -> AsyncIterator[None]:
    """Start `library` and what runs beside everything else; at the end close the calls first, then the rest in turn."""
    library.start()
    tasks = [asyncio.create_task(work()) for work in beside]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await calls.close()
        for each in closing:
            await asyncio.to_thread(each.close)


def _audit(trust: TrustSettings, calls: CallRegistry) -> Audit | None:
    if trust.audit_log is None:
        return None
    return Audit(AuditLog(trust.audit_log), Addresses(trust.audit_addresses), calls.__contains__)


def _telemetry(url: str | None, calls: CallRegistry) -> Telemetry | None:
    return None if url is None else Telemetry.to(url, calls.snapshot)


class _DocumentedApp(FastAPI):
    """Describes its errors as what they are, problem+json, where the framework would describe its own shape."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            description = super().openapi()
            schemas = description["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["ProblemAnswer"] = ProblemAnswer.model_json_schema()
            bad_request = problems({400: "A parameter is missing or wrong: `bad_request`."})[400]
            for operation in (entry for methods in description["paths"].values() for entry in methods.values()):
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
                    operation["responses"].setdefault("400", bad_request)
        return self.openapi_schema or {}


async def _forget_unused(uploads: Sequence[AvatarLibrary | BackgroundLibrary | LiveChecks]) -> None:
    while True:
        await asyncio.sleep(FORGET_EVERY_S)
        for kept in uploads:
            kept.forget_unused()


async def _observe(observers: Sequence[Metrics | Audit | Telemetry], audit: Audit | None, calls: CallRegistry) -> None:
    async def recording_of(call_id: str) -> RecordingState | None:
        call = calls.get(call_id)
        return None if call is None else await call.recording.read()

    while True:
        await asyncio.sleep(1.0)
        if audit is not None:
            await audit.observe_recordings(recording_of)
        for observer in observers:
            observer.observe_calls()

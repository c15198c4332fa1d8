"""OpenTelemetry: traces of requests and metrics of calls, sent to a collector of the operator's (OTLP over HTTP).

The libraries are of the extra `telemetry`, and imported only where a collector is named. Nothing global is set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar import __version__
from avatar.call.totals import CallsSnapshot
from avatar.errors import IntegrationError
from avatar.server.access_log import route_pattern

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

EXPORT_S: Final = 2.0
"""How long a collector may take: one that is gone must not hold the server's end up."""
METRICS_EVERY_MS: Final = 15_000
_GAUGES: Final = {
    "avatar.calls.active": "active",
    "avatar.calls.limit": "limit",
    "avatar.watchers": "watchers",
    "avatar.rooms": "rooms",
    "avatar.workers": "workers",
}
_COUNTERS: Final = {
    "avatar.calls.started": "started",
    "avatar.calls.refused": "refused",
    "avatar.pictures.sent": "pictures_sent",
    "avatar.camera.frames": "camera_frames",
    "avatar.video.bytes": "picture_bytes_sent",
}
"""Names of the instruments, and the fields of `CallsSnapshot` that they show."""


class Telemetry:
    """Traces and metrics of one server."""

    def __init__(self, snapshot: Callable[[], CallsSnapshot], spans: SpanProcessor, metrics: MetricReader) -> None:
        """Hand spans to `spans`, and what `snapshot` tells to `metrics` whenever that asks (in its own thread)."""
        from opentelemetry.metrics import CallbackOptions, Observation  # noqa: PLC0415 - of the extra, as all here
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

        resource = Resource({"service.name": "avatar", "service.version": __version__})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(spans)
        self._tracer = self._traces.get_tracer("avatar")
        self._metrics = MeterProvider([metrics], resource=resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("avatar")
        self._latest = snapshot()
        self._snapshot = snapshot

        def shows(field: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _: [Observation(getattr(self._latest, field))]

        for name, field in _GAUGES.items():
            meter.create_observable_gauge(name, callbacks=[shows(field)])
        for name, field in _COUNTERS.items():
            meter.create_observable_counter(name, callbacks=[shows(field)])
        self._seconds = meter.create_histogram("http.server.request.duration", unit="s")

    @classmethod
    def to(cls, url: str, snapshot: Callable[[], CallsSnapshot]) -> Telemetry:
        """Send all of it to the collector at a base URL such as http://localhost:4318.

        Raises IntegrationError: the libraries are not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise IntegrationError("Telemetry needs OpenTelemetry: pip install 'avatar[telemetry]'") from error
        # Else each try at a collector that is gone is an error with its traceback.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        spans = BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces", timeout=EXPORT_S))
        metrics = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{url}/v1/metrics", timeout=EXPORT_S),
            export_interval_millis=METRICS_EVERY_MS,
            export_timeout_millis=1000 * EXPORT_S,
        )
        return cls(snapshot, spans, metrics)

    def span(self, scope: Scope) -> Any:
        """Begin the span of a request; `end` ends it."""
        return self._tracer.start_span(scope["method"], attributes={"http.request.method": scope["method"]})

    def end(self, span: Any, scope: Scope, status: int, seconds: float) -> None:
        """End the span of a request that was answered. No address, id or query is in it."""
        route = route_pattern(scope)
        said: dict[str, Any] = {"http.route": route, "http.response.status_code": status}
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes(said)
        span.end()
        self._seconds.record(seconds, {**said, "http.request.method": scope["method"]})

    def observe_calls(self) -> None:
        """Take in how the calls do; on the event loop, once a second, since readers ask in threads of their own."""
        self._latest = self._snapshot()

    def close(self) -> None:
        """Send what waits, and end. Blocks, for a few seconds where the collector is gone."""
        self._traces.shutdown()
        self._metrics.shutdown(1000 * EXPORT_S)


class TelemetryMiddleware:
    """Traces requests."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, clock: Callable[[], float]) -> None:
        self._app, self._telemetry, self._clock = app, telemetry, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began_s, span = 500, self._clock(), self._telemetry.span(scope)

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._telemetry.end(span, scope, status, self._clock() - began_s)

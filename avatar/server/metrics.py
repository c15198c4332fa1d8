"""What the server measures about itself, for Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar.call.totals import CallsSnapshot
from avatar.server.access_log import route_pattern

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_LATENCY_S: Final = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_STAGE_S: Final = (0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
_OFFSET_S: Final = (-0.2, -0.1, -0.06, -0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2)
_FPS: Final = (1, 5, 10, 15, 20, 24, 26, 28, 29, 30, 31, 45, 60)
_BITRATE: Final = (1e5, 2e5, 3e5, 5e5, 7.5e5, 1e6, 1.5e6, 2e6, 3e6, 5e6)


class Metrics:
    """The server's counters. Use on one thread."""

    def __init__(self, snapshot: Callable[[], CallsSnapshot]) -> None:
        """`snapshot` tells how the calls do now."""
        registry = CollectorRegistry()
        self._registry = registry
        self._snapshot = snapshot
        ProcessCollector(registry=registry)
        registry.register(_CallTotals(snapshot))
        self.offers = Counter("avatar_offers", "Offers of a call by result", ["result"], registry=registry)
        self.uploads = Counter("avatar_uploads", "Uploads of photos by result", ["result"], registry=registry)
        self._fps = Histogram("avatar_call_fps", "Pictures a second of a call", buckets=_FPS, registry=registry)
        self._latency = Histogram(
            "avatar_call_latency_seconds",
            "Camera frame received to its picture handed to the network",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._stages = Histogram(
            "avatar_stage_seconds", "Time in each stage", ["stage"], buckets=_STAGE_S, registry=registry
        )
        self._bitrate = Histogram(
            "avatar_call_bitrate_bits", "Video bits a second of a call", buckets=_BITRATE, registry=registry
        )
        self._offset = Histogram(
            "avatar_av_offset_seconds", "Sound later than its picture", buckets=_OFFSET_S, registry=registry
        )
        self._requests = Counter(
            "avatar_http_requests", "HTTP answers", ["method", "route", "status"], registry=registry
        )
        self._request_s = Histogram("avatar_http_request_seconds", "Time to answer", ["route"], registry=registry)

    def observe_calls(self) -> None:
        """Take in what each running call says about its last second; to be called once a second."""
        for stats in self._snapshot().latest:
            self._fps.observe(stats.fps)
            self._bitrate.observe(stats.bitrate_bps)
            if stats.latency_ms is not None:
                self._latency.observe(stats.latency_ms / 1000)
            if stats.av_offset_ms is not None:
                self._offset.observe(stats.av_offset_ms / 1000)
            for stage, stage_ms in stats.stage_ms.items():
                self._stages.labels(stage).observe(stage_ms / 1000)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP answer; `route` is the pattern, not the address, so that it has few values."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _CallTotals(Collector):
    """The calls' own totals, read when asked for."""

    def __init__(self, snapshot: Callable[[], CallsSnapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot()
        yield GaugeMetricFamily("avatar_sessions", "Calls now running", now.active)
        yield GaugeMetricFamily("avatar_threads", "Threads of the server's own process", threading.active_count())
        yield GaugeMetricFamily("avatar_tasks", "Tasks of its event loop", _tasks())
        yield GaugeMetricFamily("avatar_sessions_limit", "Calls that may run at once, as set or as measured", now.limit)
        yield GaugeMetricFamily("avatar_call_cores", "Processor cores of a call at full quality", now.call_cores)
        yield GaugeMetricFamily("avatar_watchers", "Watchers of the running calls", now.watchers)
        yield GaugeMetricFamily("avatar_workers", "Processes beside the server's own that hold calls", now.workers)
        yield GaugeMetricFamily("avatar_rooms", "Rooms in which people call each other", now.rooms)
        yield CounterMetricFamily("avatar_calls_started", "Calls begun", now.started)
        yield CounterMetricFamily("avatar_calls_refused", "Calls refused for want of place or time", now.refused)
        ended = CounterMetricFamily("avatar_calls_ended", "Calls ended by reason", labels=["reason"])
        for reason, count in now.ended.items():
            ended.add_metric([reason], count)
        yield ended
        yield CounterMetricFamily("avatar_pictures_sent", "Pictures handed to the network", now.pictures_sent)
        yield CounterMetricFamily("avatar_camera_frames", "Camera frames received", now.camera_frames)
        yield CounterMetricFamily("avatar_picture_bytes_sent", "Video bytes sent", now.picture_bytes_sent)
        packets = CounterMetricFamily(
            "avatar_packets_dropped", "Packets kept from the calls' connections by reason", labels=["reason"]
        )
        for why, count in now.packets_dropped.items():
            packets.add_metric([why], count)
        yield packets
        levels = GaugeMetricFamily(
            "avatar_calls_quality",
            "Running calls by level of quality (0: as asked for) and by what there is too little of for the first",
            labels=["level", "reason"],
        )
        found = Tally((stats.quality.level, stats.quality.why) for stats in now.latest if stats.quality is not None)
        for (level, short_of), count in sorted(found.items()):
            levels.add_metric([str(level), short_of or "none"], count)
        yield levels
        dropped = sum(stats.dropped for stats in now.latest)
        yield GaugeMetricFamily(
            "avatar_dropped_frames", "Frames of the running calls that were passed over for newer ones", dropped
        )


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # read outside the event loop
        return 0


class MetricsMiddleware:
    """Counts HTTP answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started_s = time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            route = route_pattern(scope)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.observe_request(method, route, status, time.perf_counter() - started_s)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

"""The measurements an operator scrapes."""

from __future__ import annotations

from avatar.call.totals import CallsSnapshot
from avatar.server.metrics import Metrics
from avatar.stream.page_reports import Quality, Stats


def stats(fps: float, latency_ms: float | None, quality: Quality | None = None) -> Stats:
    return Stats(
        fps=fps,
        camera_fps=30.0,
        latency_ms=latency_ms,
        stage_ms={"perceive": 9.0, "generate": 5.0},
        bitrate_bps=900_000,
        width=512,
        height=512,
        dropped=3,
        face="tracked",
        av_offset_ms=None,
        quality=quality,
    )


def test_every_running_call_is_observed_each_second() -> None:
    latest: tuple[Stats, ...] = (stats(29.9, 33.0), stats(12.0, None))
    metrics = Metrics(lambda: CallsSnapshot(2, 4, 5, 1, {"left": 3}, 1, 1, 1, {"stranger": 2}, latest=latest))
    metrics.observe_calls()
    metrics.observe_calls()
    lines = metrics.text().decode().splitlines()
    for line in (
        "avatar_call_fps_count 4.0",
        'avatar_call_fps_bucket{le="15.0"} 2.0',
        "avatar_call_latency_seconds_count 2.0",
        'avatar_call_latency_seconds_bucket{le="0.03"} 0.0',
        'avatar_call_latency_seconds_bucket{le="0.04"} 2.0',
        'avatar_stage_seconds_count{stage="perceive"} 4.0',
        "avatar_av_offset_seconds_count 0.0",
        "avatar_dropped_frames 6.0",
        "avatar_calls_started_total 5.0",
        'avatar_calls_ended_total{reason="left"} 3.0',
        'avatar_packets_dropped_total{reason="stranger"} 2.0',
    ):
        assert line in lines, line


def test_calls_are_counted_by_their_level_of_quality_and_its_reason() -> None:
    latest = tuple(stats(30.0, 30.0, one) for one in (Quality(0, ""), Quality(2, "cpu"), Quality(2, "cpu"), None))
    metrics = Metrics(lambda: CallsSnapshot(4, 4, 4, 0, {}, 1, 1, 1, {}, latest=latest))
    lines = metrics.text().decode().splitlines()
    assert 'avatar_calls_quality{level="0",reason="none"} 1.0' in lines
    assert 'avatar_calls_quality{level="2",reason="cpu"} 2.0' in lines


def test_two_servers_in_one_process_do_not_share_counters() -> None:
    snapshot = CallsSnapshot(0, 4, 0, 0, {}, 0, 0, 0, {}, latest=())
    first, second = Metrics(lambda: snapshot), Metrics(lambda: snapshot)
    first.offers.labels("ok").inc()
    assert 'avatar_offers_total{result="ok"}' not in second.text().decode()

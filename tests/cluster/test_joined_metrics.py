"""Measurements of several replicas as one text that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from avatar.call.totals import CallsSnapshot
from avatar.cluster.joined_metrics import joined
from avatar.server.metrics import Metrics

ONE = """# HELP avatar_sessions Calls now running
# TYPE avatar_sessions gauge
avatar_sessions 2.0
# HELP avatar_offers_total Offers
# TYPE avatar_offers_total counter
avatar_offers_total{result="ok"} 5.0
"""


def test_each_sample_says_whose_it_is_and_each_family_is_described_once() -> None:
    text = joined({"first": ONE, "second": ONE.replace("2.0", "1.0")}).decode()
    assert text.count("# TYPE avatar_sessions gauge") == 1
    samples = {
        (sample.name, sample.labels["replica"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["avatar_sessions", "first"] == 2.0 and samples["avatar_sessions", "second"] == 1.0
    assert samples["avatar_offers_total", "second"] == 5.0


def test_what_a_server_really_says_is_joined_whole() -> None:
    snapshot = CallsSnapshot(
        active=1, limit=4, started=1, refused=0, ended={}, pictures_sent=1, camera_frames=1, picture_bytes_sent=1,
        packets_dropped={}, latest=(), watchers=0, rooms=0, call_cores=0.5, workers=0,
    )  # fmt: skip
    metrics = Metrics(lambda: snapshot)
    metrics.observe_request("GET", "/", 200, 0.1)
    own = metrics.text().decode()
    text = joined({"only": own}).decode()
    values = [line for line in own.splitlines() if line and not line.startswith("#")]
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) == len(values)
    assert 'avatar_http_request_seconds_bucket{le="+Inf",replica="only",route="/"} 1.0' in text


def test_a_replica_that_says_something_else_is_left_out() -> None:
    assert b"first" in joined({"first": ONE, "second": "<html>no metrics</html>"})

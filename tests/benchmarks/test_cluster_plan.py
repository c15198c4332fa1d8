"""The plan of a large cluster, from figures of one call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.cluster_plan import Figures, Machine, calls_per_replica, plan, read_figures


def test_a_call_that_costs_less_needs_fewer_replicas_but_one_holds_one_at_least() -> None:
    assert calls_per_replica(0.55) == 2
    assert calls_per_replica(0.3) == 3
    assert calls_per_replica(5.0) == 1


def test_ten_thousand_calls_leave_a_quarter_of_the_places_free() -> None:
    found = plan(10_000, Figures(call_cores=0.55), Machine(cores=64), directory_s=0.002)
    assert found["replicas"] == 6667 and found["replicas_per_machine"] == 49
    assert found["machines"] == 137
    assert found["replicas_per_cell"] == 150 and found["cells"] == 45
    assert found["gbit_each_way"] == pytest.approx(15.0)
    assert "gpus" not in found


def test_where_memory_is_short_a_machine_holds_fewer() -> None:
    assert plan(100, Figures(), Machine(cores=64, memory_gb=8), 0.002)["replicas_per_machine"] == 12


def test_measured_files_go_before_what_was_measured_here(tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text(json.dumps({"server_cpu_cores": 0.4}))
    (tmp_path / "gpu.json").write_text(json.dumps({"standard_calls": 60, "portrait_calls": 8}))
    figures = read_figures(tmp_path / "call.json", tmp_path / "gpu.json", "portrait")
    assert figures.call_cores == 0.4 and figures.calls_per_gpu == 8
    assert plan(1000, figures, Machine(), 0.002)["gpus"] == 167

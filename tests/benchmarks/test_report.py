"""How benchmarks tell their figures, to people and to machines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import report


def test_medians_and_percentiles_of_anything_even_of_nothing() -> None:
    assert report.median([3, 1, 2]) == 2 and report.median(iter([1.0, 2.0])) == 1.5
    assert report.p95(range(101)) == 95
    assert math.isnan(report.median([])) and math.isnan(report.p95([]))


def test_a_table_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    report.table(("name", "ms"), [("a", 1.23456), ("a longer name", 1234.5678), ("c", "none")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("name") and lines[0].endswith("ms") and set(lines[1]) == {"-", " "}
    assert lines[2].endswith("1.235") and lines[3] == "a longer name  1234.6"
    assert len({len(line) for line in lines}) == 1


def test_an_empty_table_is_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    report.table(("name", "ms"), [])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_figures_are_shown_beside_their_bars_and_written_for_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report.finish({"latency_ms": 81.25, "dropped": 3}, {"latency_ms": "< 100"}, tmp_path / "figures.json")
    shown = capsys.readouterr().out
    assert "< 100" in shown and "81.2" in shown and f"on {report.machine().split(',')[0]}" in shown
    assert json.loads((tmp_path / "figures.json").read_text()) == {"latency_ms": 81.25, "dropped": 3.0}


def test_every_benchmark_takes_the_file_for_its_figures() -> None:
    assert report.parser("x").parse_args(["--json", "a.json"]).json == Path("a.json")
    assert "Python" in report.machine() and "cores" in report.machine()

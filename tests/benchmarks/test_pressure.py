"""How a call beside busy processes is summed up."""

from __future__ import annotations

from types import SimpleNamespace

import psutil

from benchmarks.pressure import Turn, busy_processes, levels, medians


def test_the_levels_are_those_of_each_second() -> None:
    messages = [
        {"type": "hello"},
        {"type": "stats", "quality": {"level": 0, "why": ""}},
        {"type": "camera"},
        {"type": "stats", "quality": {"level": 3, "why": "cpu"}},
        {"type": "stats"},
    ]
    caller = SimpleNamespace(received=SimpleNamespace(messages=messages))
    assert levels(caller) == [0, 3, 0]  # type: ignore[arg-type]
    assert levels(caller, since=3) == [3, 0]  # type: ignore[arg-type]


def test_rounds_are_summed_up_by_their_medians() -> None:
    turns = [Turn(fps, 100 * fps, fps, [], 0.0) for fps in (1.0, 9.0, 3.0)]
    assert medians(turns) == {"fps": 3.0, "latency_p95_ms": 300.0, "av_offset_ms_p95": 3.0}


def test_busy_processes_end_with_what_they_disturb() -> None:
    def children() -> int:
        return len(psutil.Process().children())

    before = children()
    with busy_processes(1):
        assert children() == before + 1
    assert children() == before

"""What so many calls at once take: replicas, machines, cells and GPUs, computed from measured figures.

    python -m benchmarks.call --json call.json
    python -m benchmarks.gpu --json gpu.json
    python -m benchmarks.cluster_plan --calls 10000 --call call.json --gpu gpu.json

Without files the figures of docs/benchmarks.md are taken. How many replicas one directory can hold is measured here:
its own work for one report of a replica and one question of a gateway, and added to it Ray's work for a message.
"""

from __future__ import annotations

import json
import math
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avatar.cluster.replicas import TELL_S, Replica, ReplicaTable
from avatar.cluster.routing import route
from avatar.cluster.scaling import TARGET
from avatar.timing.call_capacity import INTERPRETER_CORES
from benchmarks import report

FREE: Final = 0.9
"""Share of the cores that calls may use (`timing/call_capacity.py`)."""
RAY_MESSAGE_S: Final = 1.7e-3
"""A Serve replica takes so long for one call through a handle: its own log says 1.5 to 3 ms on a busy machine."""
DIRECTORY_SHARE: Final = 0.6
"""Of one core that the directory may use, so that nothing waits for it."""
MEASURED_CALLS: Final = 200
BARS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one call and one replica; the defaults are docs/benchmarks.md's (two Xeon cores)."""

    call_cores: float = 0.70
    """Of the server, a call at 512 x 512 and 30 pictures a second, drawn by the small network."""
    replica_mb: float = 571.0
    """Resident memory with a call."""
    megabits_each_way: float = 1.5
    """A call's pictures; with lines that allow it the avatar's may take 3."""
    calls_per_gpu: float = 0.0
    """With `standard` or `portrait`; 0: not measured."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One of those that are rented."""

    cores: int = 64
    memory_gb: int = 256


def calls_per_replica(call_cores: float) -> int:
    """Return how many calls at full quality one interpreter holds; at least one: quality control makes room."""
    return max(1, int(INTERPRETER_CORES * FREE / call_cores))


def plan(calls: int, figures: Figures, machine: Machine, directory_s: float) -> dict[str, float]:
    """Return the figures of a cluster that holds `calls`.

    Args:
        calls: at once.
        figures: of one call.
        machine: that replicas run on.
        directory_s: processor seconds that the directory takes for one message.
    """
    each = calls_per_replica(figures.call_cores)
    replicas = math.ceil(calls / (each * TARGET))
    cores = max(INTERPRETER_CORES, each * figures.call_cores / FREE)
    on_one = max(1, min(int(machine.cores / cores), int(machine.memory_gb * 1000 * FREE / figures.replica_mb)))
    machines = math.ceil(replicas / on_one)
    replicas_per_cell = int(DIRECTORY_SHARE / directory_s * TELL_S)
    found = {
        "calls": float(calls),
        "calls_per_replica": float(each),
        "replicas": float(replicas),
        "replicas_per_machine": float(on_one),
        "machines": float(machines),
        "cores_busy": calls * figures.call_cores,
        "memory_gb_per_machine": on_one * figures.replica_mb / 1000,
        "gbit_each_way": calls * figures.megabits_each_way / 1000,
        "gbit_each_way_per_machine": on_one * each * figures.megabits_each_way / 1000,
        "replicas_per_cell": float(replicas_per_cell),
        "cells": float(math.ceil(replicas / replicas_per_cell)),
    }
    if figures.calls_per_gpu > 0:
        found["gpus"] = float(math.ceil(calls / (figures.calls_per_gpu * TARGET)))
    return found


def directory_work_s(replicas: int) -> float:
    """Return the processor seconds of a replica's report, with its share of what gateways are answered."""
    table = ReplicaTable()
    names = [f"{number:08x}" for number in range(replicas)]
    told = [Replica(name, "http://192.0.2.1:40000", 2, 4) for name in names]
    begin_s = time.process_time()
    for replica in told:
        table.tell(pickle.loads(pickle.dumps(replica)), 0.0)  # noqa: S301 - what Ray does with it
    pickle.dumps(table.alive(0.0))
    return (time.process_time() - begin_s) / replicas


def routing_work_s(replicas: int) -> float:
    """Return the processor seconds that a gateway takes to find the place of a new call among so many replicas."""
    told = [Replica(f"{number:08x}", "http://192.0.2.1:40000", number % 5, 4) for number in range(replicas)]
    begin_s = time.process_time()
    for _ in range(MEASURED_CALLS):
        route("POST", "/whip", {"avatar": "mira"}, told)
    return (time.process_time() - begin_s) / MEASURED_CALLS


def read_figures(call: Path | None, gpu: Path | None, tier: str) -> Figures:
    """Return what the files of `benchmarks.call` and `benchmarks.gpu` say, the defaults for what they do not."""
    measured = {} if call is None else json.loads(call.read_text())
    on_gpu = {} if gpu is None else json.loads(gpu.read_text())
    default = Figures()
    return Figures(
        call_cores=float(measured.get("server_cpu_cores", default.call_cores)),
        calls_per_gpu=float(on_gpu.get(f"{tier}_calls", default.calls_per_gpu)),
    )


def main() -> None:
    """Compute the plan."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--calls", type=int, default=10_000, help="at once (default 10000)")
    arguments.add_argument("--call", type=Path, metavar="FILE", help="figures of benchmarks.call")
    arguments.add_argument("--gpu", type=Path, metavar="FILE", help="figures of benchmarks.gpu")
    arguments.add_argument("--tier", default="standard", choices=("standard", "portrait"), help="what a GPU draws")
    arguments.add_argument("--cores", type=int, default=Machine().cores, help="of a machine (default 64)")
    arguments.add_argument("--memory-gb", type=int, default=Machine().memory_gb, help="of a machine (default 256)")
    chosen = arguments.parse_args()
    figures = read_figures(chosen.call, chosen.gpu, chosen.tier)
    machine = Machine(chosen.cores, chosen.memory_gb)
    found = plan(chosen.calls, figures, machine, directory_work_s(1000) + RAY_MESSAGE_S)
    found["directory_ms_per_report"] = 1e3 * (directory_work_s(1000) + RAY_MESSAGE_S)
    found["routing_ms_per_offer"] = 1e3 * routing_work_s(int(found["replicas_per_cell"]))
    report.finish(found, BARS, chosen.json)


if __name__ == "__main__":
    main()

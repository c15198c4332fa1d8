"""Reports of benchmarks: a table for people, JSON with plain floats for machines, and the machine it ran on."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np


def parser(description: str) -> argparse.ArgumentParser:
    """Return an argument parser with the options all benchmarks share."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return arguments


def machine() -> str:
    """Return one line about this machine and how busy it is."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if (cpuinfo.exists())
        else []
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{names[0] if names else platform.processor()}, {cores} cores, Python {platform.python_version()}{load}"


def median(values: Iterable[float]) -> float:
    """Return the median, NaN of nothing."""
    kept = list(values)
    return float(np.median(kept)) if kept else float("nan")


def mean(values: Iterable[float]) -> float:
    """Return the mean, NaN of nothing."""
    kept = list(values)
    return float(np.mean(kept)) if kept else float("nan")


def p95(values: Iterable[float]) -> float:
    """Return the 95th percentile, NaN of nothing."""
    kept = list(values)
    return float(np.percentile(kept, 95)) if kept else float("nan")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; floats with three significant digits."""
    text = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *text]) for i in range(len(header))]
    for line in [list(header), ["-" * width for width in widths], *text]:
        first, *rest = zip(line, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]))


def finish(figures: Mapping[str, float], bars: Mapping[str, str], to: Path | None) -> None:
    """Print the figures beside their bars and write them as JSON."""
    print()
    table(("figure", "value", "bar"), [(name, value, bars.get(name, "")) for name, value in figures.items()])
    print(f"on {machine()}")
    if to is not None:
        to.write_text(json.dumps({name: float(value) for name, value in figures.items()}, indent=2) + "\n")


def _cell(value: object) -> str:
    return (
        f"{value:.3f}"
        if isinstance(value, float) and abs(value) < 10
        else (f"{value:.1f}" if isinstance(value, float) else str(value))
    )

"""Every benchmark starts: what it imports from the product is there, and its help says what it is for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.stem not in {"__init__", "__main__"} and path.parent.name != "programs"
)


@pytest.mark.parametrize("name", MODULES)
def test_what_a_benchmark_imports_is_there(name: str) -> None:
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        assert not (error.name or "").startswith(("avatar", "benchmarks", "training")), error
        pytest.skip(f"needs {error.name}")
    assert module.__doc__

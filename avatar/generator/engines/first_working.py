"""The first of some engines that works on this machine, and what those before it said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from avatar.errors import GpuMemoryError

Opened = TypeVar("Opened")
Failures = tuple[type[Exception], ...]


def first_working(
    names: Iterable[str],
    open_engine: Callable[[str], Opened],
    failures: Failures = (ImportError, RuntimeError, GpuMemoryError),
) -> tuple[Opened | None, list[str]]:
    """Return the first engine that opens, None where none does; and for each that did not, its name and why.

    Args:
        names: of the engines, the best first.
        open_engine: opens one by its name.
        failures: what it raises where an engine does not work here; all else is passed on.
    """
    answers: list[str] = []
    for name in names:
        try:
            return open_engine(name), answers
        except failures as error:
            answers.append(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return None, answers

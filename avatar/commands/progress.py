"""What a command shows while it works."""

from __future__ import annotations

import sys
from typing import Final, TextIO

SHOWN_AFTER_S: Final = 2.0
"""Work that is done sooner needs no bar."""


class ProgressBar:
    """A bar for work that takes longer than two seconds; on a terminal only, so that logs stay clean."""

    def __init__(self, label: str, unit: str = "", *, stream: TextIO | None = None) -> None:
        """`unit` is what is counted; "B" shows kilobytes and megabytes."""
        from tqdm import tqdm  # noqa: PLC0415 - `avatar --help` shows no bar

        class Bar(tqdm):  # type: ignore[misc]
            monitor_interval = 0  # no thread that looks after it

        self._bar = Bar(
            desc=label,
            unit=unit if unit == "B" else f" {unit}",
            unit_scale=unit == "B",
            delay=SHOWN_AFTER_S,
            disable=None,  # unless there is a terminal
            leave=False,
            miniters=0,  # looked at for each update, however fast or slow they have come so far
            dynamic_ncols=True,
            file=sys.stderr if stream is None else stream,
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, done: int, total: int | None) -> None:
        """Show that `done` of `total` (None: unknown) is done."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

"""What a command shows while it works."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

SHOWN_AFTER_S: Final = 2.0
"""Work that is done sooner needs no bar."""
_REFRESH_S: Final = 0.1
_WIDTH: Final = 28


class ProgressBar:
    """A bar for work that takes longer than two seconds; on a terminal only, so that logs stay clean."""

    def __init__(self, label: str, unit: str = "", *, stream: TextIO | None = None) -> None:
        """`unit` is what is counted; "B" shows megabytes."""
        self._label = label
        self._unit = unit
        self._stream = stream or sys.stderr
        self._started_s = time.monotonic()
        self._drawn_s: float | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn_s is not None:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def update(self, done: int, total: int | None) -> None:
        """Show that `done` of `total` (None: unknown) is done."""
        now_s = time.monotonic()
        if not self._stream.isatty() or now_s - self._started_s < SHOWN_AFTER_S:
            return
        if self._drawn_s is not None and now_s - self._drawn_s < _REFRESH_S:
            return
        self._drawn_s = now_s
        self._stream.write(f"\r\033[K{progress_line(self._label, self._unit, done, total, now_s - self._started_s)}")
        self._stream.flush()


def progress_line(label: str, unit: str, done: int, total: int | None, elapsed_s: float) -> str:
    """Return one line such as `Rendering [#####-----]  50 %  150/300 frames  10 s left`."""
    if unit == "B":
        counts = f"{done / 1e6:.1f}" + (f"/{total / 1e6:.1f} MB" if total else " MB")
    else:
        counts = f"{done}" + (f"/{total}" if total else "") + (f" {unit}" if unit else "")
    if not total:
        return f"{label}  {counts}"
    share = min(1.0, done / total)
    filled = round(share * _WIDTH)
    left = f"  {elapsed_s * (1 - share) / share:.0f} s left" if share > 0 else ""
    return f"{label} [{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%}  {counts}{left}"

"""An earlier commit's files beside the code as it stands, for benchmarks that compare the two."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[1]
"""The code as it stands."""
PREFIX: Final = "avatar-base-"
"""Of the temporary folders; the number of the process that needs each follows."""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Have a commit's files in a temporary folder, which goes with the context, and by SIGTERM too."""
    remove_left_behind()
    before = signal.signal(signal.SIGTERM, _leave)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
    try:
        root = folder / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(root), revision], cwd=ROOT, check=True)
        yield root
    finally:
        _remove(folder)
        signal.signal(signal.SIGTERM, before)


def remove_left_behind() -> None:
    """Remove the folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=False)


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)

"""What a benchmark has checked out goes with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks import base_checkout
from benchmarks.base_checkout import PREFIX, remove_left_behind


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root, git = tmp_path / "repository", ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    root.mkdir()
    (root / "file").write_text("as it was")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(base_checkout, "ROOT", root)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return root


def worktrees(repository: Path) -> int:
    listed = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True)
    return len(listed.stdout.splitlines())


TOLD_TO_END = """
import signal, sys
from pathlib import Path
from benchmarks import base_checkout
base_checkout.ROOT = Path(sys.argv[1])
with base_checkout.checked_out("HEAD") as root:
    print((root / "file").read_text(), flush=True)
    signal.raise_signal(signal.SIGTERM)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_benchmark_that_is_told_to_end_leaves_nothing(repository: Path) -> None:
    environment = os.environ | {"TMPDIR": tempfile.gettempdir(), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", TOLD_TO_END, str(repository)]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("as it was\n", 128 + signal.SIGTERM)
    assert worktrees(repository) == 1 and not any(Path(tempfile.gettempdir()).iterdir())


def test_what_a_killed_benchmark_left_is_removed_by_the_next(repository: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    temporary = Path(tempfile.gettempdir())
    left, used = temporary / f"{PREFIX}{ended.pid}-a", temporary / f"{PREFIX}{os.getpid()}-b"
    for folder in (left, used):
        subprocess.run(["git", "worktree", "add", "-q", "--detach", folder / "base"], cwd=repository, check=True)
    remove_left_behind()
    assert not left.exists() and used.exists() and worktrees(repository) == 2

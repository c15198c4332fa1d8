"""The real server in a process of its own, for benchmarks that talk to it."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

READY = re.compile(r"ready: (http://\S+)")
START_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0


class ServerProcess:
    """`avatar serve` on a free port of the loopback interface; stopped as Ctrl-C stops it."""

    def __init__(
        self,
        *options: str,
        full_disk: bool = False,
        root: Path | None = None,
        python: str = sys.executable,
        program: Sequence[str] = (),
        command: Sequence[str] = ("serve",),
        start_limit_s: float = START_LIMIT_S,
    ) -> None:
        """Start it.

        Args:
            options: of the command.
            full_disk: it can write to no file, as if every disk and temporary folder were full.
            root: the checkout whose code runs, of any age; None: the code that is installed.
            python: what runs it.
            program: the module that is run, with its first arguments, in place of the command's own.
            command: of `avatar`.
            start_limit_s: how long it may take until it is ready.
        """
        begin = time.monotonic()
        module = "avatar.commands.main" if root is None else command_module(root)
        line = [python, "-m", *(program or (module,)), *command, "--port", "0", "--loopback", *options]
        environment = None if root is None else os.environ | {"PYTHONPATH": str(root)}
        self._process = subprocess.Popen(
            line, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._log: list[str] = []
        # A pipe that nobody reads is full after a few hundred lines, and the server would wait for ever.
        threading.Thread(target=self._read_log, daemon=True).start()
        if full_disk:
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (0, 0))
        self.url = self._wait_ready(start_limit_s)
        self.ready_s = time.monotonic() - begin
        """Seconds from the start of the process until it said that it is ready."""
        self._watch = psutil.Process(self._process.pid)

    def cpu_s(self) -> float:
        """Return the processor seconds used so far, by all its processes that run."""
        times = [process.cpu_times() for process in self._processes()]
        return float(sum(time.user + time.system for time in times))

    def rss_mb(self) -> float:
        """Return resident memory in MB, of all its processes."""
        return float(sum(process.memory_info().rss for process in self._processes())) / 1e6

    def threads_and_descriptors(self) -> tuple[int, int]:
        """Return how many threads and open file descriptors all its processes have."""
        processes = self._processes()
        return sum(one.num_threads() for one in processes), sum(one.num_fds() for one in processes)

    def named(self, part: str) -> list[psutil.Process]:
        """Return its processes whose command line begins with what has `part` in it."""
        return [process for process in self._processes() if part in (process.cmdline() or [""])[0]]

    @property
    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def log(self) -> str:
        """Return what it has written to its standard error."""
        return "".join(self._log)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def terminate(self) -> float:
        """Tell it to stop as a service manager does (SIGTERM); return how many seconds that took."""
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it and what it has started as `kill -9` does."""
        for process in (*self._watch.children(recursive=True), self._watch):
            process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _processes(self) -> list[psutil.Process]:
        return [self._watch, *self._watch.children(recursive=True)]

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)

    def _wait_ready(self, limit_s: float) -> str:
        assert self._process.stdout is not None
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline and (line := self._process.stdout.readline()):
            if found := READY.search(line):
                return found.group(1)
        self._process.kill()
        self._process.wait()
        raise SystemExit(f"The server did not start:\n{self.log()[-2000:]}")


def command_module(root: Path) -> str:
    """Return the module behind the command `avatar` of a checkout."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    return str(project["project"]["scripts"]["avatar"]).partition(":")[0]

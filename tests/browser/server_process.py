"""The real server as a process of its own, and what it still holds when everybody has left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

START_S = 60.0
_PROBE = """
import asyncio, json, signal, threading

def _tell(number, frame):
    try:
        tasks = [task.get_name() for task in asyncio.all_tasks(asyncio.get_running_loop())]
    except RuntimeError:
        tasks = None
    with open({path!r} + ".new", "w") as file:
        json.dump({{"tasks": tasks, "threads": [thread.name for thread in threading.enumerate()]}}, file)
    import os
    os.replace({path!r} + ".new", {path!r})

signal.signal(signal.SIGUSR1, _tell)
"""
"""Runs in the server before anything else: at SIGUSR1 it writes down its tasks and threads. The server is the one that
users start, and knows nothing of this."""
_POOL = re.compile(r"_\d+$|^AnyIO worker thread$")
"""Names of pool threads: a pool keeps its threads for the next call, and AnyIO's, which read the page's files, come and
go with requests."""


@dataclass(frozen=True)
class Holdings:
    """What a process holds."""

    tasks: int
    threads: tuple[str, ...]
    """Python threads that belong to no pool."""
    native_threads: int
    """Threads that Python does not know (a media library's), and those of pools."""
    files: int

    def within(self, before: Holdings) -> bool:
        """Tell whether nothing is held that was not held `before`."""
        return (
            self.tasks <= before.tasks
            and self.threads == before.threads
            and self.native_threads <= before.native_threads
            and self.files <= before.files
        )


class ServerProcess:
    """`avatar serve --loopback`, ready when the object is."""

    def __init__(self, *options: str, port: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="avatar-browser-test-")
        self._report = Path(self._folder.name) / "holdings.json"
        (Path(self._folder.name) / "sitecustomize.py").write_text(_PROBE.format(path=str(self._report)))
        self._log = (Path(self._folder.name) / "log").open("w+")
        command = [sys.executable, "-m", "avatar.commands.main", "serve", "--loopback", "--port", str(port)]
        command += ["--key-folder", self._folder.name, *options]
        environment = {**os.environ, "PYTHONPATH": self._folder.name}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)
        self.port = self._wait_until_ready()
        self.address = f"http://localhost:{self.port}"

    def get(self, path: str) -> str:
        """Return the body of a GET."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.address}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def sessions(self) -> int:
        """Return how many calls run, as /healthz says."""
        return int(json.loads(self.get("/healthz"))["sessions"])

    def metric(self, name: str) -> float:
        """Return one sample of /metrics, by its name with labels; 0 where there is none."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"{name} "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def holdings(self) -> Holdings:
        """Return what the process holds just now."""
        self._report.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not self._report.exists():
            assert time.monotonic() < deadline, "the server did not report"
            time.sleep(0.02)
        told = json.loads(self._report.read_text())
        process = psutil.Process(self._process.pid)
        own = tuple(sorted(name for name in told["threads"] if not _POOL.search(name)))
        return Holdings(len(told["tasks"]), own, process.num_threads() - len(told["threads"]), process.num_fds())

    def log(self) -> str:
        """Return what the server has written to stderr."""
        self._log.flush()
        return (Path(self._folder.name) / "log").read_text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()

    def _wait_until_ready(self) -> int:
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            line = self._process.stdout.readline()
            if found := re.search(r"is ready: https?://[^:]+:(\d+)/", line):
                return int(found[1])
            if not line and self._process.poll() is not None:
                break
        raise AssertionError(f"the server did not start:\n{self.log()}")

"""A process of a worker: started with a socket to speak over, and never left behind.

It is a new interpreter, never a fork: a fork of a process with threads may find their locks held. Its standard input is
a pipe that nothing is written to: when the server is gone, however it went, the pipe ends, and so does the worker
(`lifeline`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

GOODBYE_S: Final = 5.0
"""How long a worker may take to end by itself once it is told to, or once its server is gone."""

SUPPORTED: Final = sys.platform != "win32"
"""Whether a worker can be handed a socket here."""


class WorkerProcess:
    """One worker's process and its socket. Used on the event loop only."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take what `start` has made."""
        self._process = process
        self.reader, self.writer = reader, writer

    @classmethod
    async def start(cls, command: Sequence[str]) -> WorkerProcess:
        """Start `command`, whose last argument is to be the number of its socket's file. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the server, which tells its workers
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """How it has ended, as `subprocess` says it; None while it runs."""
        return self._process.returncode

    async def wait(self) -> None:
        """Wait until it has ended; one that takes longer than `GOODBYE_S` is killed."""
        try:
            await asyncio.wait_for(self._process.wait(), GOODBYE_S)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def lifeline(descriptor: int = 0) -> None:
    """Let this process end some seconds after the pipe that it holds has ended: its server is gone."""

    def watch() -> None:
        while os.read(descriptor, 4096):
            pass
        time.sleep(GOODBYE_S)
        os._exit(1)

    threading.Thread(target=watch, name="avatar-lifeline", daemon=True).start()

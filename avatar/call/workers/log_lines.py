"""A worker's log: its lines are sent to the server, whose log they belong to."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from avatar.call.workers.from_worker import Log
from avatar.call.workers.link import Link

LONGEST: Final = 8000
"""Letters of a line, with the trace of an error."""


class LogLines(logging.Handler):
    """Sends lines from any thread. Where the server cannot keep up, those are left out that say nothing of a fault."""

    def __init__(self, link: Link[Any, Any]) -> None:
        """Send over `link`. To be made on its event loop."""
        super().__init__()
        self._link, self._loop = link, asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line."""
        try:
            line = Log(record.levelno, record.name, self.format(record)[:LONGEST])
            self._loop.call_soon_threadsafe(self._send, line)
        except RuntimeError:  # the loop has ended: nobody reads it any more
            return
        except Exception:  # as every handler of the library does: what cannot be said is said to stderr
            self.handleError(record)

    def _send(self, line: Log) -> None:
        if not self._link.busy or line.level >= logging.ERROR:
            self._link.send(line)

"""The log of who did what when: one JSON object a line, in files that take turns.

It holds no content and no secret: addresses are shortened or hashed, ids that let somebody do something are hashed.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import logging.handlers
import os
import queue
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from avatar.errors import AvatarError

FILE_BYTES: Final = 10_000_000
OLD_FILES: Final = 9
"""Kept beside the one that is written: 100 MB in all, about 400,000 entries. The oldest goes first."""
WAITING: Final = 1000
"""Entries that may wait for the disk; more are counted and left out."""
_REFERENCE: Final = 12
"""Hexadecimal digits of a hash that stand for an id: enough to find what belongs together."""

_log = logging.getLogger(__name__)


def reference(identifier: str) -> str:
    """Return what stands for an id that nobody may learn: entries of one id have the same, and it leads to none."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:_REFERENCE]


class Addresses:
    """How addresses are written. Used on one thread."""

    def __init__(self, rule: str, today: Callable[[], str] = lambda: f"{datetime.now(UTC):%Y-%m-%d}") -> None:
        """Follow a rule.

        Args:
            rule: `shortened` to the network (IPv4: 24 bits, IPv6: 48), `hashed` with a key that is forgotten at the end
                of each day (UTC) and of the program, so that one day's entries of one visitor can be told, or `none`.
            today: names the day.
        """
        self._rule, self._today = rule, today
        self._day, self._key = "", b""

    def written(self, address: str) -> str | None:
        """Return what stands for an IP address; None: nothing does."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        if self._rule == "none":
            return None
        if self._rule == "shortened":
            ours = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped else parsed
            return str(ipaddress.ip_network((ours, 24 if ours.version == 4 else 48), strict=False))
        if (day := self._today()) != self._day:
            self._day, self._key = day, secrets.token_bytes(32)
        return hmac.new(self._key, parsed.packed, "sha256").hexdigest()[:_REFERENCE]


class AuditLog:
    """Writes entries in a thread of its own: a disk that is slow holds nobody up. `write` may come from any thread."""

    def __init__(self, path: Path, *, file_bytes: int = FILE_BYTES) -> None:
        """Go on with a file, for its user alone (0600), or begin it.

        Raises:
            AvatarError: it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _PrivateFile(path, file_bytes)
        except OSError as error:
            raise AvatarError(f"The audit log {path} cannot be written: {error.strerror or error}.") from error
        self._queue: queue.Queue[logging.LogRecord] = queue.Queue(WAITING)
        self._listener = logging.handlers.QueueListener(self._queue, self._file)
        self._listener.start()
        self._left_out = 0

    def write(self, what: str, **said: Any) -> None:
        """Write that something was done: a word such as `call.began`, and what JSON can hold. Never waits."""
        entry: dict[str, Any] = {"at": f"{datetime.now(UTC).isoformat(timespec='milliseconds')}", "what": what}
        entry |= {name: value for name, value in said.items() if value is not None}
        if self._left_out:
            entry["left_out_before"] = self._left_out
        record = logging.LogRecord("avatar.audit", logging.INFO, "", 0, json.dumps(entry), None, None)
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._left_out += 1
            return
        self._left_out = 0

    def close(self) -> None:
        """Write what waits and close the file. Blocks for a moment."""
        self._listener.stop()
        self._file.close()


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Files that only their user can read."""

    def __init__(self, path: Path, file_bytes: int) -> None:
        self._failed = False
        super().__init__(path, maxBytes=file_bytes, backupCount=OLD_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        opened = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return TextIOWrapper(os.fdopen(opened, "ab"), encoding="utf-8", line_buffering=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - as the library has it
        if not self._failed:
            _log.error("The audit log %s cannot be written; entries are lost until it can.", self.baseFilename)
        self._failed = True

    def emit(self, record: logging.LogRecord) -> None:
        before, self._failed = self._failed, False
        super().emit(record)
        if before and not self._failed:
            _log.warning("The audit log %s is written again.", self.baseFilename)

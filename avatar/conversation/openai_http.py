"""One HTTP endpoint of somebody else's: asked with a key, answered within bounds of time and size, or given up.

Blocking: the caller runs it in a thread of its own. `close` from any thread ends a request that is under way.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Generator, Iterator
from typing import Final
from urllib.parse import urlsplit

from avatar.config import BASE_URL, base_url
from avatar.errors import ConversationError

CONNECT_S: Final = 5.0
PATIENCE_S: Final = 15.0
"""How long the endpoint may be silent."""
WHOLE_S: Final = 60.0
"""How long an answer may take in all, from the request to its last line."""
MOST_BYTES: Final = 1_000_000
LONGEST_LINE: Final = 65_536


def check_url(url: str) -> str:
    """Return a base URL without a slash at its end. Raises ConversationError for what is none."""
    try:
        return base_url(url)
    except ValueError:
        raise ConversationError(f"{url!r} is not {BASE_URL.takes}.") from None


class HttpPost:
    """One POST. `lines` may be called once."""

    def __init__(self, base_url: str, path: str, body: bytes, content_type: str, key: str | None) -> None:
        """Prepare to post `body` to `base_url` + `path`; `key` goes along as a bearer token."""
        parts = urlsplit(check_url(base_url))
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(str(parts.hostname), parts.port, timeout=CONNECT_S)
        self._path, self._body, self._host = parts.path + path, body, parts.netloc
        self._headers = {"Content-Type": content_type, "Connection": "close"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._socket: socket.socket | None = None
        self._closed = self._late = False

    def lines(self) -> Generator[bytes, None, None]:
        """Yield the answer's lines as they come.

        Raises:
            ConversationError: the endpoint cannot be reached, refuses, takes too long, or says too much.
        """
        limit = threading.Timer(WHOLE_S, self._end_late)  # a line may come byte by byte, and never end
        limit.daemon = True
        limit.start()
        try:
            with contextlib.closing(self._connection):
                yield from self._received()
        except (OSError, http.client.HTTPException) as error:
            raise ConversationError(f"{self._host} {self._why(error)}.") from error
        finally:
            limit.cancel()

    def close(self) -> None:
        """Give the request up, from any thread. Idempotent."""
        self._closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _received(self) -> Iterator[bytes]:
        self._connection.connect()
        self._socket = self._connection.sock
        if self._closed:
            raise ConnectionAbortedError
        self._socket.settimeout(PATIENCE_S)
        self._connection.request("POST", self._path, self._body, self._headers)
        answer = self._connection.getresponse()
        if answer.status != http.client.OK:
            raise ConversationError(f"{self._host} refused: {answer.status} {answer.reason[:80]}.")
        count = 0
        while True:
            line = answer.readline(LONGEST_LINE)
            if self._closed:  # which looks like the answer's end
                raise ConnectionAbortedError
            if answer.length and len(line) < LONGEST_LINE and not line.endswith(b"\n"):
                raise http.client.IncompleteRead(line)
            if not line:
                return
            count += len(line)
            if count > MOST_BYTES:
                raise ConversationError(f"{self._host} answered with more than {MOST_BYTES:,} bytes.")
            yield line

    def _end_late(self) -> None:
        self._late = True
        self.close()

    def _why(self, error: Exception) -> str:
        if self._late:
            return f"took longer than {WHOLE_S:.0f} seconds"
        if isinstance(error, TimeoutError):
            return "took too long to answer"
        if isinstance(error, http.client.IncompleteRead):
            return "broke off its answer"
        reason = "" if self._closed else f": {getattr(error, 'strerror', None) or type(error).__name__}"
        return f"cannot be reached{reason}"

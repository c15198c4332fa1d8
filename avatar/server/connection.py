"""uvicorn's HTTP/1.1 connection with what it lacks: a time limit on request heads, room made for others, and refusals
as problem+json.

uvicorn 0.54 waits for a request's head without end, and its limit of connections refuses everybody while strangers hold
idle ones. A program in front (nginx, Caddy) does the same and more; this is for a server without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from avatar.server.admission import Admission, ConnectionTable
from avatar.server.problems import problem

HEAD_S: Final = 10.0
"""A request's head, and the TLS handshake before it, that have not come by then are given up."""
UNREAD_S: Final = 30.0
"""An answer of which nothing is taken for so long is given up."""
TLS_GOODBYE_S: Final = 1.0
RETRY_AFTER_S: Final = 2
EARLY_BYTES: Final = 1 << 18
"""What may come with the end of a TLS handshake: a request's head and the beginning of its body."""

Table = ConnectionTable["Connection"]


class Connection(H11Protocol):
    """One connection. uvicorn makes it and asyncio calls it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        table: Table,
        tls: ssl.SSLContext | None,
        head_s: float,
    ) -> None:
        """Prepare a connection of the server that has this table of connections.

        Args:
            config, server_state, app_state, _loop: uvicorn's.
            table: of all the server's connections.
            tls: for HTTPS; asyncio's own handshake would begin before the table knows of the connection.
            head_s: seconds that a request's head may take.
        """
        super().__init__(config, server_state, app_state, _loop)
        self._table, self._tls, self._head_s = table, tls, head_s
        self._guarded_app, self.app = self.app, self._answer
        self._raw: asyncio.Transport | None = None
        self._early = bytearray()
        self._handshake: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._noted: object = None
        """The request that the table knows of."""
        self._may_run = True

    # What asyncio tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, which others may have to leave."""
        self._raw = transport
        address = (get_remote_addr(transport) or ("unknown", 0))[0]
        for leaving in self._table.enter(self, address, time.monotonic()):
            leaving.make_room()
        if transport.is_closing():
            return
        self._wait_for_head()
        if self._tls is None:
            super().connection_made(transport)
        else:
            transport.pause_reading()  # until the handshake reads
            self._handshake = self.loop.create_task(self._shake_hands(transport, self._tls))

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self.transport is None:  # the handshake's end and these bytes came together
            self._early += data
            if len(self._early) > EARLY_BYTES:
                self._abort()
            return
        super().data_received(data)
        self._note(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        self._leave()
        if self.transport is not None:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the other end to read, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self._abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    # What uvicorn tells

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if self in self._table:
            self._table.rest(self, time.monotonic())
            self._noted = self.cycle
            self._wait_for_head()
        super().on_response_complete()
        self._note(0)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "bad_request", f"{msg} Perhaps this is the wrong address, or https where http was meant.")

    def shutdown(self) -> None:
        """The server stops: whoever is still sending is not waited for, work that has begun is."""
        if self._is_receiving():
            self._refuse(503, "server_full", "The server is stopping. Try again in a moment.")
        else:
            super().shutdown()

    def make_room(self) -> None:
        """End, for the sake of others."""
        if self._is_receiving():
            self._refuse(503, "server_full", "Others wait, and this request comes too slowly. Try again in a moment.")
        else:
            self._abort()

    # The request that runs

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the application, or say that there is no room."""
        if not self._may_run:
            answer = _problem(503, "server_full", "The server has too many requests at once. Try again in a moment.")
            await answer(scope, receive, send)
            return
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            # A program in front may have gone by the other one (RFC 9112, 6.1).
            await _problem(
                400,
                "bad_request",
                "The request says its length in two ways, Content-Length and Transfer-Encoding: send one of them.",
                {"Connection": "close"},
            )(scope, receive, send)
            return
        try:
            await self._guarded_app(scope, receive, send)
        except asyncio.CancelledError:  # the server stops, and has waited long enough
            if not self.cycle.response_started:
                await _problem(503, "server_full", "The server is stopping. Try again in a moment.")(
                    scope, receive, send
                )

    def _note(self, received: int) -> None:
        """Let the table know how far the request is."""
        if self not in self._table or self.cycle is None or self.cycle.response_complete:
            return
        if self.cycle is self._noted:
            self._table.receive(self, received, more=self.cycle.more_body)
            return
        self._noted = self.cycle
        self._stop_timer()
        self._may_run, leaving = self._table.begin(self, time.monotonic(), receiving=self.cycle.more_body)
        if leaving is not None:
            leaving.make_room()

    def _is_receiving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer instead of the application, whatever has come of the request, and end."""
        running = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        if self.transport is None or (running is not None and running.response_started):
            self._abort()
            return
        answer = _problem(status, code, detail)
        with contextlib.suppress(h11.LocalProtocolError):  # nothing can be said any more
            for event in (
                h11.Response(
                    status_code=status,
                    headers=[*answer.raw_headers, (b"connection", b"close")],
                    reason=STATUS_PHRASES[status],
                ),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        if running is not None:
            running.disconnected = True
            running.message_event.set()
        self.transport.close()
        self._leave()

    # Time

    def _wait_for_head(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(self._head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        begun = self.transport is not None and bool(self.conn.trailing_data[0])
        if begun and (self.cycle is None or self.cycle.response_complete):
            self._refuse(408, "request_timeout", f"The request did not arrive within {self._head_s:.0f} s.")
        else:
            self._abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _shake_hands(self, raw: asyncio.Transport, tls: ssl.SSLContext) -> None:
        try:
            transport = await self.loop.start_tls(
                raw, self, tls, server_side=True, ssl_handshake_timeout=self._head_s, ssl_shutdown_timeout=TLS_GOODBYE_S
            )
        except (OSError, ssl.SSLError):  # a scanner, a stranger to the certificate, or the time was up
            self._leave()
            return
        if transport is None or self not in self._table:  # it has gone meanwhile
            self._abort()
            return
        super().connection_made(transport)
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.data_received(early)

    def _abort(self) -> None:
        for transport in (self.transport, self._raw):
            if transport is not None:
                transport.abort()
        self._leave()

    def _leave(self) -> None:
        self._stop_timer()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        self._table.leave(self)


def connection_class(
    admission: Admission, *, tls: ssl.SSLContext | None = None, head_s: float = HEAD_S
) -> type[asyncio.Protocol]:
    """Return what uvicorn's `Config(http=...)` takes, for one server.

    Args:
        admission: how many requests may run at once.
        tls: for HTTPS; uvicorn itself is then given no certificate.
        head_s: seconds that a request's head may take.
    """
    table: Table = ConnectionTable(admission)
    return cast(type[asyncio.Protocol], partial(Connection, table=table, tls=tls, head_s=head_s))


def _problem(status: int, code: str, detail: str, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
    later = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return problem(status, code, detail, {**headers, **later})

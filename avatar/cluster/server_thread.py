"""An HTTP server in a thread with an event loop of its own, apart from the loops that Ray runs in the same process.

It is the same server as `avatar serve`'s: the same connections with the same limits, on asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import uvicorn
from starlette.types import ASGIApp

from avatar.server.admission import Admission
from avatar.server.connection import connection_class
from avatar.server.visitors import proxy_options

START_S: Final = 180.0
GOODBYE_S: Final = 2
"""How long open requests may take once the server is told to stop."""
STOP_S: Final = 20.0
_Result = TypeVar("_Result")


class _Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config, started: Future[asyncio.AbstractEventLoop]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started.set_result(asyncio.get_running_loop())


class ServerThread:
    """Any method from any thread."""

    def __init__(
        self,
        open_app: Callable[[], ASGIApp],
        listener: socket.socket,
        *,
        admission: Admission,
        tls: ssl.SSLContext | None = None,
        proxies: Sequence[str] = (),
    ) -> None:
        """Serve on a socket that listens; `open_app` is called in the thread, on its loop, and may take seconds.

        `proxies`: see `avatar.server.visitors.proxy_options`.
        """
        self._open_app, self._listener, self._admission, self._tls = open_app, listener, admission, tls
        self._proxies = proxies
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="http-server", daemon=True)

    def start(self) -> None:
        """Start, and wait until requests are answered. Raises what `open_app` raises."""
        self._thread.start()
        self._loop = self._started.result(START_S)

    @property
    def running(self) -> bool:
        """Whether it has started and not ended."""
        return self._started.done() and self._thread.is_alive()

    def do(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> Future[_Result]:
        """Do something on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def stop(self) -> None:
        """End. Blocks until the application has said goodbye. May be called again."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    async def _run(self) -> None:
        with self._listener:
            try:
                app = self._open_app()
            except BaseException as error:
                self._started.set_exception(error)
                raise
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                http=connection_class(self._admission, tls=self._tls),
                timeout_graceful_shutdown=GOODBYE_S,
                server_header=False,
                ws="none",
                lifespan="on",
                **proxy_options(self._proxies),
            )
            self._server = server = _Server(config, self._started)
            try:
                await server.serve([self._listener])
            finally:
                if not self._started.done():
                    self._started.set_exception(RuntimeError("the server did not start; its log says why"))

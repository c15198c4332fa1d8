"""The gateway: an HTTP application that brings each request to the replica it is for, and says so where that has gone.

Media do not pass through it: a call's answer names its replica's own addresses. Bodies and answers are passed on as
they come (`exchange`), so that nothing large is kept. Only an offer is kept whole, until a replica has taken it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from avatar import __version__
from avatar.cluster.exchange import FORM_BYTES, Exchange, ReplicaGoneError
from avatar.cluster.joined_metrics import joined
from avatar.cluster.replicas import TELL_S, Replica, total_calls
from avatar.cluster.routing import Route, route
from avatar.cluster.view import ClusterView
from avatar.config import ServerSettings
from avatar.server.bodies import read_body
from avatar.server.headers import HeadersMiddleware
from avatar.server.metrics import CONTENT_TYPE
from avatar.server.origins import rules_of
from avatar.server.problems import RequestError, problem, problem_of

logger = logging.getLogger(__name__)

CONNECT_S: Final = 1.0
ANSWER_S: Final = 120.0
"""Between two pieces of an answer: an upload may wait for its turn."""
RETRY_AFTER_S: Final = 1
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gateway:
    """An ASGI application. Used on one event loop."""

    def __init__(
        self,
        settings: ServerSettings,
        key: str,
        ask_replicas: Callable[[], Awaitable[Sequence[Replica]]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bring requests to the replicas that `ask_replicas` returns, twice a second; `key` is the cluster's."""
        self._settings, self._key, self._ask_replicas, self._clock = settings, key, ask_replicas, clock
        self.view = ClusterView()
        self._most_bytes = settings.limits.upload_bytes + FORM_BYTES
        rules = rules_of(
            settings.host,
            hosts=settings.allow_hosts,
            origins=settings.allow_origins,
            guarded=settings.token is not None or settings.token_secret is not None,
            tls=settings.tls_cert is not None,
        )
        self._rules = rules
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive), send)

    # Life

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S)
        # Each request has a connection of its own: one that is refused or breaks then says that the replica has gone,
        # and not that it was tired of waiting for the next request.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False) as session:
            self._session = session
            asking = asyncio.create_task(self._keep_asking())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def refresh(self) -> None:
        """Ask who the replicas are."""
        try:
            self.view.update(await self._ask_replicas(), self._clock())
        except Exception as error:  # it is being started anew; what was known last is good until then
            logger.warning("who the replicas are cannot be asked just now: %s", error)

    async def _keep_asking(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(TELL_S)

    # Requests

    async def _serve(self, request: Request, send: Send) -> None:
        if not request.scope["raw_path"].startswith(b"/"):  # put behind a replica's address, it would be another one
            refusal = RequestError("The address that is asked for has to begin with a slash.")
            await self._own(problem_of(refusal), request, send)
            return
        replicas = self.view.replicas(self._clock())
        visitor = request.client.host if request.client is not None else ""
        way = route(request.method, request.url.path, dict(parse_qsl(request.url.query)), replicas, visitor=visitor)
        exchange = Exchange(self._session, request, send, self._key, self._most_bytes)
        try:
            if request.url.path == "/healthz":
                await self._own(_health(replicas), request, send)
            elif request.url.path == "/metrics" and request.method == "GET":
                await self._own(await self._metrics(request, replicas), request, send)
            elif way.begins_call:
                await self._offer(way, exchange)
            else:
                await self._forward(way, exchange)
        except RequestError as error:
            if not exchange.answered:
                await self._own(problem_of(error), request, send)
        except ClientDisconnect:
            return  # nobody is there to be told

    async def _offer(self, way: Route, exchange: Exchange) -> None:
        body = await read_body(exchange.request, self._settings.limits.offer_bytes)
        await _unless_gone(exchange.request, self._offer_to(way, exchange, body))

    async def _offer_to(self, way: Route, exchange: Exchange, body: bytes) -> None:
        refused: Response | None = None
        for replica in way.candidates:
            self.view.placed(replica)
            try:
                refused = await exchange.try_offer(replica, body)
            except ReplicaGoneError as error:
                await self._note(error, replica)
                continue
            if refused is None:
                return
        answer = refused or problem(
            503,
            "server_full" if self.view.told else "replica_lost",
            "No replica can take a call just now. Try again in a moment.",
            {"Retry-After": str(RETRY_AFTER_S)},
        )
        await self._own(answer, exchange.request, exchange.send)

    async def _forward(self, way: Route, exchange: Exchange) -> None:
        gone, last = False, len(way.candidates) - 1
        for number, replica in enumerate(way.candidates):
            passing_over = frozenset({404}) if way.may_be_elsewhere and number < last else frozenset[int]()
            try:
                if await exchange.forward(replica, unless=passing_over):
                    return
            except ReplicaGoneError as error:
                gone = await self._note(error, replica) or gone
                if exchange.answered:
                    raise
                if exchange.body_begun and exchange.request.method not in _SAFE:
                    break  # what was sent cannot be sent again
        await self._own(self._nobody(way, gone=gone), exchange.request, exchange.send)

    def _nobody(self, way: Route, *, gone: bool) -> Response:
        """Return the answer where no replica has given one."""
        about_call = len(way.candidates) == 1 and not way.may_be_elsewhere
        if self.view.told and (way.lost or (gone and (about_call or way.may_be_elsewhere))):
            return problem(404, "unknown_call", "There is no such call (any more).")
        return problem(
            503,
            "replica_lost",
            "The part of the server that was at work on this has gone. Send it again: another one takes it.",
            {"Retry-After": str(RETRY_AFTER_S)},
        )

    async def _note(self, error: ReplicaGoneError, replica: Replica) -> bool:
        """Return whether a replica that did not answer is not there any more; then nobody is sent there again."""
        gone = error.refused or not await _answers(replica)
        if gone:
            logger.warning("the replica %s does not answer any more", replica.name)
            self.view.lost(replica, self._clock())
        return gone

    async def _metrics(self, request: Request, replicas: Sequence[Replica]) -> Response:
        exchanges = [Exchange(self._session, request, _nowhere, self._key, self._most_bytes) for _ in replicas]
        answers = await asyncio.gather(
            *(exchange.read(replica) for exchange, replica in zip(exchanges, replicas, strict=True)),
            return_exceptions=True,
        )
        texts = {"gateway": _own_metrics(replicas)}
        for replica, answer in zip(replicas, answers, strict=True):
            if isinstance(answer, Response):
                if answer.status_code != 200:  # whoever asks may not know
                    return answer
                texts[replica.name] = bytes(answer.body).decode(errors="replace")
        return Response(await asyncio.to_thread(joined, texts), headers={"Content-Type": CONTENT_TYPE})

    async def _own(self, answer: Response, request: Request, send: Send) -> None:
        """Answer ourselves, with the headers that every answer has."""
        await HeadersMiddleware(answer, rules=self._rules)(request.scope, request.receive, send)


def _health(replicas: Sequence[Replica]) -> Response:
    if not replicas:
        return problem(503, "replica_lost", "No replica is there yet, or any more.", {"Retry-After": "1"})
    draining = sum(replica.draining for replica in replicas)
    return JSONResponse(
        {
            "status": "ok",
            "version": __version__,
            "sessions": total_calls(replicas),
            "replicas": len(replicas),
            "draining": draining,
        }
    )


def _own_metrics(replicas: Sequence[Replica]) -> str:
    """Return what the gateway itself knows, in Prometheus' text format."""
    draining = sum(replica.draining for replica in replicas)
    return (
        "# HELP avatar_replicas Replicas that are there\n# TYPE avatar_replicas gauge\n"
        f"avatar_replicas {len(replicas)}\n"
        "# HELP avatar_replicas_draining Replicas that end when their calls have\n"
        f"# TYPE avatar_replicas_draining gauge\navatar_replicas_draining {draining}\n"
    )


async def _unless_gone(request: Request, work: Coroutine[None, None, None]) -> None:
    """Do something for a request that has come whole, but not when whoever sent it has gone away."""
    working, leaving = asyncio.create_task(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()  # one that is done stays so
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    if not working.cancelled():
        working.result()


async def _answers(replica: Replica) -> bool:
    """Return whether anything listens where a replica was."""
    parts = urlsplit(replica.url)
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _nowhere(_: object) -> None:
    """Take an answer that nobody is sent as it is."""

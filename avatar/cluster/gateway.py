"""The gateway: an HTTP application that brings each request to the replica it is for, and says so where that has gone.

Media do not pass through it: a call's answer names its replica's own addresses. Bodies and answers are passed on as
they come, so that nothing large is kept. Only an offer is kept whole, until a replica has taken it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from yarl import URL

from avatar import __version__
from avatar.cluster.gateway_only import KEY, OWN_HEADERS, SCHEME, VISITOR
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
FORM_BYTES: Final = 16_384
"""Of an upload's form, beside its photos."""
METRICS_BYTES: Final = 4_000_000
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade"}
    | {b"transfer-encoding", b"proxy-connection"}
)
"""Headers that are between two neighbours (RFC 9110, 7.6.1)."""
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

    async def _keep_asking(self) -> None:
        while True:
            try:
                self.view.update(await self._ask_replicas(), self._clock())
            except Exception as error:  # it is being started anew; what was known last is good until then
                logger.warning("who the replicas are cannot be asked just now: %s", error)
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
        exchange = _Exchange(self._session, request, send, self._key, self._most_bytes)
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

    async def _offer(self, way: Route, exchange: _Exchange) -> None:
        body = await read_body(exchange.request, self._settings.limits.offer_bytes)
        await _unless_gone(exchange.request, self._offer_to(way, exchange, body))

    async def _offer_to(self, way: Route, exchange: _Exchange, body: bytes) -> None:
        refused: Response | None = None
        for replica in way.candidates:
            self.view.placed(replica)
            try:
                refused = await exchange.try_offer(replica, body)
            except _ReplicaGoneError as error:
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

    async def _forward(self, way: Route, exchange: _Exchange) -> None:
        gone, last = False, len(way.candidates) - 1
        for number, replica in enumerate(way.candidates):
            passing_over = frozenset({404}) if way.may_be_elsewhere and number < last else frozenset[int]()
            try:
                if await exchange.forward(replica, unless=passing_over):
                    return
            except _ReplicaGoneError as error:
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

    async def _note(self, error: _ReplicaGoneError, replica: Replica) -> bool:
        """Return whether a replica that did not answer is not there any more; then nobody is sent there again."""
        gone = error.refused or not await _answers(replica)
        if gone:
            logger.warning("the replica %s does not answer any more", replica.name)
            self.view.lost(replica, self._clock())
        return gone

    async def _metrics(self, request: Request, replicas: Sequence[Replica]) -> Response:
        exchanges = [_Exchange(self._session, request, _nowhere, self._key, self._most_bytes) for _ in replicas]
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


class _ReplicaGoneError(Exception):
    """A replica took no connection (`refused`), or broke one off."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__()
        self.refused = refused


class _Exchange:
    """A request on its way to a replica, and the answer on its way back."""

    def __init__(
        self, session: aiohttp.ClientSession | None, request: Request, send: Send, key: str, most_bytes: int
    ) -> None:
        assert session is not None  # noqa: S101 - it is there before the first request
        self._session, self.request, self.send, self._most_bytes = session, request, send, most_bytes
        self.answered = self.body_begun = False
        self._failure: Exception | None = None
        """Why the request's body has not arrived."""
        client = request.client.host if request.client is not None else ""
        own = {KEY: key.encode(), VISITOR: client.encode(), SCHEME: request.url.scheme.encode()}
        kept = [pair for pair in request.headers.raw if pair[0] not in _HOP_BY_HOP | OWN_HEADERS]
        self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in [*kept, *own.items()]]

    async def try_offer(self, replica: Replica, body: bytes) -> Response | None:
        """Send an offer; return None where it was answered, else the answer of a replica that is full."""
        async with self._asking(replica, body) as response:
            if response.status == 503:
                text = await response.content.read(FORM_BYTES)
                refusal = Response(text, 503, dict(_kept(response)))
                if _code(text) == "server_full":
                    return refusal
                self.answered = True
                await refusal(self.request.scope, self.request.receive, self.send)
                return None
            await self._pass_on(response)
            return None

    async def forward(self, replica: Replica, *, unless: frozenset[int]) -> bool:
        """Pass everything on; return False where the answer was one of `unless`, which is not passed on."""
        declared = self.request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._most_bytes:
            raise _too_large(self._most_bytes)
        has_body = declared != "0" or "transfer-encoding" in self.request.headers
        async with self._asking(replica, self._body() if has_body else None) as response:
            if response.status in unless:
                return False
            await self._pass_on(response)
            return True

    async def read(self, replica: Replica) -> Response:
        """Return a short answer whole."""
        async with self._asking(replica, None) as response:
            return Response(await response.content.read(METRICS_BYTES), response.status, dict(_kept(response)))

    @contextlib.asynccontextmanager
    async def _asking(
        self, replica: Replica, body: bytes | AsyncIterator[bytes] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = replica.url + self.request.scope["raw_path"].decode("latin-1")
        if self.request.url.query:
            url += f"?{self.request.scope['query_string'].decode('latin-1')}"
        try:
            async with self._session.request(
                self.request.method,
                URL(url, encoded=True),  # as it was given
                headers=self._headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as response:
                yield response
        except aiohttp.ClientError as error:
            if self._failure is not None:
                raise self._failure from error
            refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
                error.os_error, ConnectionRefusedError
            )
            raise _ReplicaGoneError(refused=refused) from error
        except TimeoutError as error:
            raise _ReplicaGoneError(refused=False) from error

    async def _body(self) -> AsyncIterator[bytes]:
        taken = 0
        try:
            async for piece in self.request.stream():
                self.body_begun = True
                taken += len(piece)
                if taken > self._most_bytes:
                    raise _too_large(self._most_bytes)
                if piece:
                    yield piece
        except (ClientDisconnect, RequestError) as error:  # aiohttp makes an error of its own of it
            self._failure = error
            raise

    async def _pass_on(self, response: aiohttp.ClientResponse) -> None:
        self.answered = True
        await self.send({"type": "http.response.start", "status": response.status, "headers": _raw(response)})
        async for piece in response.content.iter_any():
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})


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


def _raw(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in response.raw_headers if name.lower() not in _HOP_BY_HOP]


def _kept(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _raw(response)]


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _too_large(most: int) -> RequestError:
    return RequestError(f"This is more than the {most / 1e6:.2g} MB taken at once.", code="too_many_bytes")


async def _nowhere(_: object) -> None:
    """Take an answer that nobody is sent as it is."""

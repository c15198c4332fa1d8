"""A request on its way from the gateway to a replica, and the answer on its way back, passed on as they come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Send
from yarl import URL

from avatar.cluster.gateway_only import KEY, OWN_HEADERS, SCHEME, VISITOR
from avatar.cluster.replicas import Replica
from avatar.plain_text import in_bytes
from avatar.server.problems import RequestError

FORM_BYTES: Final = 16_384
"""Of an upload's form, beside its photos."""
METRICS_BYTES: Final = 4_000_000
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade"}
    | {b"transfer-encoding", b"proxy-connection"}
)
"""Headers that are between two neighbours (RFC 9110, 7.6.1)."""


class ReplicaGoneError(Exception):
    """A replica took no connection (`refused`), or broke one off."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__()
        self.refused = refused


class Exchange:
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
            raise ReplicaGoneError(refused=refused) from error
        except TimeoutError as error:
            raise ReplicaGoneError(refused=False) from error

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
    return RequestError(f"This is more than the {in_bytes(most)} taken at once.", code="too_many_bytes")

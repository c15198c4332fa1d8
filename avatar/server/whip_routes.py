"""/whip: one request with an SDP offer makes a call, one DELETE ends it (the shape of WHIP, RFC 9725)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from avatar.call.factory import Mode
from avatar.call.limits import EndReason
from avatar.call.registry import CallsSnapshot
from avatar.config import SIDES, ServerSettings, TransportSettings
from avatar.errors import AvatarError
from avatar.server.bodies import read_body
from avatar.server.metrics import Metrics
from avatar.server.problems import RequestError, problem
from avatar.server.schemas import problems
from avatar.stream.ice_servers import IceServer, ice_servers
from avatar.types import Drive

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"

FRAGMENT_BYTES: Final = 16_384
"""A piece with all the addresses that a call may have is half as long."""

CallId = Annotated[str, Path(max_length=64, description="The end of the address in the offer's Location.")]
Side = Annotated[int | None, Query(description=f"Pixels; {SIDES}.")]

_OFFER_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}},
}


_FRAGMENT_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}},
}
_UNKNOWN: Final = {404: "No such call (any more): `unknown_call`."}


class AnsweredCall(Protocol):
    """A call that has been set up."""

    @property
    def id(self) -> str:
        """Unguessable; whoever holds it may end the call."""

    @property
    def answer_sdp(self) -> str:
        """The SDP answer, complete with every candidate."""

    @property
    def ice_tag(self) -> str:
        """Names its ICE session."""


class CallRegistry(Protocol):
    """Runs the calls. `avatar.call.registry.Calls` is the one in use."""

    async def create(
        self,
        offer_sdp: str,
        avatar_id: str | None,
        *,
        width: int | None,
        height: int | None,
        fps: int | None,
        mode: Mode,
        drive: Drive,
    ) -> AnsweredCall:
        """Set up a call. Raises AvatarError: bad_offer, bad_size, unknown_avatar, server_full and more."""

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> bool:
        """Try more addresses of a call's peer; False when there is none of that id.

        Raises TrickleError: bad_fragment, ice_restart, and stale_tag where `tags` are given and none is the call's.
        """

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call; False when there is none of that id."""

    async def close(self) -> None:
        """Say goodbye to every peer and end all calls."""

    def snapshot(self) -> CallsSnapshot:
        """Return how all the calls do now."""


def whip_routes(
    calls: CallRegistry, settings: ServerSettings, metrics: Metrics, guard: Callable[[Request], None]
) -> APIRouter:
    """Return the routes; `guard` refuses offers it does not let in."""
    router = APIRouter(prefix="/whip", tags=["calls"])
    ice_servers(settings.transport)  # what cannot be used is said now, not to each caller

    @router.post(
        "",
        status_code=201,
        dependencies=[Depends(guard)],
        response_class=Response,
        openapi_extra=_OFFER_BODY,
        responses={
            201: {"description": "The answer, complete with every candidate.", "content": {SDP: {}}},
            **problems(
                {
                    400: "Not an offer that can be answered: `bad_offer`, `bad_size`, `bad_rate`.",
                    401: "A token is needed.",
                    404: "`unknown_avatar`.",
                    406: "No format of video or of sound in common; the answer says what is taken: `no_common_codec`.",
                    415: "The body is not application/sdp: `wrong_type`.",
                    503: "`server_full`; Retry-After says when to come back.",
                }
            ),
        },
    )
    async def offer(
        request: Request,
        avatar: Annotated[str, Query(max_length=64, description="The avatar to be.")],
        width: Side = None,
        height: Side = None,
        fps: Annotated[
            int | None,
            Query(
                ge=1, le=60, description="Pictures a second while no camera sets the pace; the server has its limit."
            ),
        ] = None,
        mode: Annotated[
            Mode,
            Query(
                description="`echo` returns the camera picture, to measure the way; in `bot` a program speaks, as "
                "docs/protocol.md says."
            ),
        ] = "avatar",
        drive: Annotated[Drive, Query(description="What moves the avatar as the call begins.")] = "camera",
    ) -> Response:
        """Make a call: send an offer with all its candidates, get the answer. DELETE its Location to end it."""
        try:
            sdp = await _read_text(request, SDP, settings.limits.offer_bytes, code="bad_offer")
            call = await calls.create(sdp, avatar, width=width, height=height, fps=fps, mode=mode, drive=drive)
        except AvatarError as error:
            metrics.offers.labels(error.code).inc()
            raise
        metrics.offers.labels("ok").inc()
        headers = {"Location": f"/whip/{call.id}", "ETag": f'"{call.ice_tag}"', **ice_links(settings.transport)}
        return Response(call.answer_sdp, 201, headers, SDP)

    @router.get("", status_code=204, response_class=Response)
    async def endpoint() -> Response:
        """Answer that offers may be sent here."""
        return Response(status_code=204)

    @router.get("/{call_id}", status_code=204, response_class=Response, responses=problems(_UNKNOWN))
    async def running(call_id: CallId) -> Response:
        """Answer that the call goes on."""
        if call_id not in calls:
            return _unknown_call()
        return Response(status_code=204)

    @router.patch(
        "/{call_id}",
        status_code=204,
        response_class=Response,
        openapi_extra=_FRAGMENT_BODY,
        responses=problems(
            {
                400: "No candidates, or too many: `bad_fragment`.",
                **_UNKNOWN,
                412: "If-Match names another ICE session: `stale_tag`.",
                415: f"The body is not {FRAGMENT}: `wrong_type`.",
                422: "A call cannot restart ICE: `ice_restart`.",
            }
        ),
    )
    async def trickle(call_id: CallId, request: Request) -> Response:
        """Name more addresses of yours, as you find them. If-Match may say the offer's ETag."""
        if call_id not in calls:
            return _unknown_call()
        fragment = await _read_text(request, FRAGMENT, FRAGMENT_BYTES, code="bad_fragment")
        given = request.headers.get("if-match")
        tags = None if given is None else [tag.strip().strip('"') for tag in given.split(",")]
        if not await calls.trickle(call_id, fragment, tags):
            return _unknown_call()
        return Response(status_code=204)

    @router.delete("/{call_id}", response_class=Response, responses=problems(_UNKNOWN))
    async def end(call_id: CallId) -> Response:
        """End a call."""
        if not await calls.end(call_id):
            return _unknown_call()
        return Response(status_code=200)

    return router


def ice_links(settings: TransportSettings) -> dict[str, str]:
    """Return the header that names the STUN and TURN servers of now, where there are any."""
    servers = ice_servers(settings)
    return {"Link": ", ".join(map(link_value, servers))} if servers else {}


def link_value(server: IceServer) -> str:
    """Return the value of a Link header that names a STUN or TURN server (RFC 9725, 4.6)."""
    value = f'<{server.url}>; rel="ice-server"'
    if server.username is None or server.credential is None:
        return value
    name, password = (re.sub(r'(["\\])', r"\\\1", text) for text in (server.username, server.credential))
    return f'{value}; username="{name}"; credential="{password}"; credential-type="password"'


async def _read_text(request: Request, media_type: str, limit: int, *, code: str) -> str:
    """Return a body of at most `limit` bytes. Raises RequestError, with `code` where it is no text."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RequestError(f"Send the body as {media_type}.", code="wrong_type")
    body = await read_body(request, limit)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError("The body is not text in UTF-8.", code=code) from error


def _unknown_call() -> Response:
    return problem(404, "unknown_call", "There is no such call (any more).")

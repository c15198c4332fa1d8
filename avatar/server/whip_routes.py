"""/whip: one request with an SDP offer makes a call, one DELETE ends it (WHIP, RFC 9725)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from avatar.config import ServerSettings
from avatar.errors import AvatarError
from avatar.server.access import Gate, grant_of, require_avatar
from avatar.server.audit import note
from avatar.server.call_registry import CallRegistry
from avatar.server.call_shares import CallShares
from avatar.server.metrics import Metrics
from avatar.server.offer_query import OfferQuery
from avatar.server.problems import problem
from avatar.server.schemas import problems
from avatar.server.sdp_requests import (
    FRAGMENT_ANSWERS,
    FRAGMENT_BODY,
    FRAGMENT_REFUSALS,
    OFFER_BODY,
    SDP,
    answer_headers,
    fragment_answer,
    read_fragment_request,
    read_text,
)
from avatar.server.tokens import Grant
from avatar.server.visitors import visitor_of
from avatar.stream.ice_servers import ice_servers
from avatar.trust.audit_log import reference

CallId = Annotated[str, Path(max_length=64, description="The end of the address in the offer's Location.")]

_REFUSALS: Final = {
    400: "Not an offer that can be answered: `bad_offer`, `bad_size`, `bad_rate`, `bad_background`.",
    401: "A token is needed.",
    403: "The token does not allow this: `insufficient_scope`. This server has no rooms: `rooms_off`.",
    404: "`unknown_avatar`, `unknown_background`.",
    406: "No format of video or of sound in common; the answer says what is taken: `no_common_codec`.",
    409: "Another call has that watch link: `watch_taken`.",
    415: "The body is not application/sdp: `wrong_type`.",
    429: "Too often, or too many at once: `too_many_requests`, `too_many_calls`.",
    503: "`server_full`, `room_full`; Retry-After says when to come back.",
}
_UNKNOWN: Final = {404: "No such call (any more): `unknown_call`."}


def whip_routes(calls: CallRegistry, settings: ServerSettings, metrics: Metrics, gate: Gate) -> APIRouter:
    """Return the routes; `gate` counts who comes into rooms."""
    shares = CallShares(lambda call_id: call_id in calls)

    def most_calls(request: Request, grant: Grant) -> dict[str, int]:
        each = settings.limits.sessions_per_address
        most = {} if each is None else {f"address {visitor_of(request)}": each}
        return most if grant.calls is None else most | {f"token {grant.token_id}": grant.calls}

    router = APIRouter(prefix="/whip", tags=["calls"])
    ice_servers(settings.transport)  # what cannot be used is said now, not to each caller

    @router.post(
        "",
        status_code=201,
        response_class=Response,
        openapi_extra=OFFER_BODY,
        responses={
            201: {"description": "The answer, complete with every candidate.", "content": {SDP: {}}},
            **problems(_REFUSALS),
        },
    )
    async def offer(request: Request, query: Annotated[OfferQuery, Query()]) -> Response:
        """Make a call: send an offer with all its candidates, get the answer. DELETE its Location to end it."""
        note(
            request, mode=query.mode, drive=query.drive, avatar=reference(query.avatar), in_room=query.room is not None
        )
        try:
            grant = grant_of(request)
            require_avatar(grant, query.avatar)
            if query.room is not None:
                gate.count("rooms", request, grant)
            with shares.opening(most_calls(request, grant)) as runs:
                sdp = await read_text(request, SDP, settings.limits.offer_bytes, code="bad_offer")
                call = await calls.create(
                    sdp,
                    query.avatar,
                    width=query.width,
                    height=query.height,
                    fps=query.fps,
                    mode=query.mode,
                    drive=query.drive,
                    watch=query.watch,
                    background=query.background,
                    room=query.room_wish,
                    avatar_fixed=grant.avatar is not None,
                )
                runs(call.id)
        except AvatarError as error:
            metrics.offers.labels(error.code).inc()
            raise
        metrics.offers.labels("ok").inc()
        return Response(call.answer_sdp, 201, answer_headers("/whip", call, settings.transport), SDP)

    @router.get("", status_code=204, response_class=Response)
    async def endpoint() -> Response:
        """Answer that offers may be sent here."""
        return Response(status_code=204)

    @router.get("/{call_id}", status_code=204, response_class=Response, responses=problems(_UNKNOWN))
    async def running(call_id: CallId) -> Response:
        """Answer that the call goes on."""
        if call_id not in calls:
            return unknown_call()
        return Response(status_code=204)

    @router.patch(
        "/{call_id}",
        status_code=204,
        response_class=Response,
        openapi_extra=FRAGMENT_BODY,
        responses={**FRAGMENT_ANSWERS, **problems({**FRAGMENT_REFUSALS, **_UNKNOWN})},
    )
    async def trickle(call_id: CallId, request: Request) -> Response:
        """Name more addresses of yours, as you find them (If-Match may say the offer's ETag), or restart ICE."""
        if call_id not in calls:
            return unknown_call()
        fragment, tags = await read_fragment_request(request)
        trickled = await calls.trickle(call_id, fragment, tags)
        return unknown_call() if trickled is None else fragment_answer(trickled)

    @router.delete("/{call_id}", response_class=Response, responses=problems(_UNKNOWN))
    async def end(call_id: CallId) -> Response:
        """End a call."""
        if not await calls.end(call_id):
            return unknown_call()
        return Response(status_code=200)

    return router


def unknown_call() -> Response:
    """Return the answer about a call that is not, or no more, there."""
    return problem(404, "unknown_call", "There is no such call (any more).")

"""/whip: one request with an SDP offer makes a call, one DELETE ends it (WHIP, RFC 9725)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Path, Query, Request, Response

from avatar.call.factory import Mode
from avatar.call.ice_session import Trickled
from avatar.call.limits import EndReason
from avatar.call.room import clean_name
from avatar.call.rooms import ROOM_ID, RoomWish
from avatar.call.running import CallWatchers, RunningCall
from avatar.call.totals import CallsSnapshot
from avatar.config import SIDES, ServerSettings
from avatar.errors import AvatarError
from avatar.server.access import Gate, grant_of, require_avatar
from avatar.server.audit import note
from avatar.server.call_shares import CallShares
from avatar.server.metrics import Metrics
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
from avatar.types import Drive

CallId = Annotated[str, Path(max_length=64, description="The end of the address in the offer's Location.")]
Side = Annotated[int | None, Query(description=f"Pixels; {SIDES}.")]

_UNKNOWN: Final = {404: "No such call (any more): `unknown_call`."}


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
        watch: str | None,
        background: str | None,
        room: RoomWish | None,
        avatar_fixed: bool,
    ) -> RunningCall:
        """Set up a call. Raises AvatarError: bad_offer, bad_size, unknown_avatar, server_full and more."""

    async def watchers(self, watch_token: str) -> CallWatchers | None:
        """Return who watches the running call with this token, by its link or in its room; None where there is none."""

    async def room_names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (yet)."""

    def get(self, call_id: str) -> RunningCall | None:
        """Return a running call; None where there is none with this id."""

    def __contains__(self, call_id: str) -> bool:
        """Return whether this call is running."""

    async def trickle(self, call_id: str, fragment: str, tags: Collection[str] | None = None) -> Trickled | None:
        """Try more addresses of a call's peer, or restart its ICE; None when there is none of that id.

        Raises TrickleError: bad_fragment, busy, and stale_tag where `tags` are given and none is the call's; and
        ServerFullError where no port is free.
        """

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call; False when there is none of that id."""

    def expect_another(self) -> None:
        """Prepare for a call that may come soon: somebody has opened the page. Never blocks."""

    async def close(self) -> None:
        """Say goodbye to every peer and end all calls."""

    def snapshot(self) -> CallsSnapshot:
        """Return how all the calls do now."""


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
            **problems(
                {
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
        watch: Annotated[
            str | None,
            Query(
                pattern="^[A-Za-z0-9_-]{16,64}$",
                description="The end of its watch link, 16 to 64 letters, digits, - or _: choose one that nobody can "
                "guess. Else the server does.",
            ),
        ] = None,
        background: Annotated[
            str | None,
            Query(
                max_length=64,
                description="What is behind the avatar: keep, blur, #RRGGBB, the id of an uploaded picture, or "
                "transparent, which doubles the picture's width for its matte; the server's when left out.",
            ),
        ] = None,
        room: Annotated[
            str | None,
            Query(
                pattern=ROOM_ID,
                description="Join the room of this id, 16 to 64 letters, digits, - or _, or begin it: choose one that "
                "nobody can guess. Its people see and hear each other (docs/group-calls.md).",
            ),
        ] = None,
        name: Annotated[
            str, Query(description="What the others in the room call one: the first 40 letters are taken.")
        ] = "",
    ) -> Response:
        """Make a call: send an offer with all its candidates, get the answer. DELETE its Location to end it."""
        note(request, mode=mode, drive=drive, avatar=reference(avatar), in_room=room is not None)
        try:
            grant = grant_of(request)
            require_avatar(grant, avatar)
            if room is not None:
                gate.count("rooms", request, grant)
            with shares.opening(most_calls(request, grant)) as runs:
                sdp = await read_text(request, SDP, settings.limits.offer_bytes, code="bad_offer")
                call = await calls.create(
                    sdp,
                    avatar,
                    width=width,
                    height=height,
                    fps=fps,
                    mode=mode,
                    drive=drive,
                    watch=watch,
                    background=background,
                    room=None if room is None else RoomWish(room, clean_name(name)),
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

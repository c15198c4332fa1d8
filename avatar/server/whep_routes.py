"""/whep: whoever has a call's watch link sees and hears it (the shape of WHEP, draft-ietf-wish-whep)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from avatar.call.running import CallWatchers
from avatar.config import ServerSettings
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
    server_links,
)

WatchToken = Annotated[str, Path(max_length=64, description="The end of the call's watch link.")]
WatcherId = Annotated[str, Path(max_length=64, description="The end of the address in the offer's Location.")]

_ENDED = {404: "The call has ended, or never was: `unknown_call`."}
_UNKNOWN: dict[int, str] = {404: "No such watcher or call (any more): `unknown_call`."}


def whep_routes(find_watchers: Callable[[str], Awaitable[CallWatchers | None]], settings: ServerSettings) -> APIRouter:
    """Return the routes. The token in the address is what lets one in; it is good as long as the call.

    `find_watchers` returns who watches the running call with a token, None where there is none.
    """
    router = APIRouter(prefix="/whep", tags=["watching"])

    async def is_watching(token: str, watcher_id: str) -> bool:
        watchers = await find_watchers(token)
        return watchers is not None and await watchers.has(watcher_id)

    @router.post(
        "/{token}",
        status_code=201,
        response_class=Response,
        openapi_extra=OFFER_BODY,
        responses={
            201: {"description": "The answer, complete with every candidate.", "content": {SDP: {}}},
            **problems(
                {
                    400: "Not an offer that can be answered, or one that receives nothing: `bad_offer`.",
                    **_ENDED,
                    406: "No format of video or of sound in common; the answer says what is sent: `no_common_codec`.",
                    415: "The body is not application/sdp: `wrong_type`.",
                    503: "`server_full`; Retry-After says when to come back.",
                }
            ),
        },
    )
    async def watch(
        token: WatchToken,
        request: Request,
        background: Annotated[
            Literal["transparent"] | None,
            Query(
                description="`transparent`: pictures twice as wide, whose right half is their matte. Else an avatar "
                "that has nothing behind it is before black."
            ),
        ] = None,
    ) -> Response:
        """Watch a call: send an offer that receives, get the answer. DELETE its Location to leave."""
        watchers = await find_watchers(token)
        if watchers is None:
            return _no_call()
        sdp = await read_text(request, SDP, settings.limits.offer_bytes, code="bad_offer")
        watcher = await watchers.add(sdp, matte=background is not None)
        headers = answer_headers(f"/whep/{token}", watcher, settings.transport)
        return Response(watcher.answer_sdp, 201, headers, SDP)

    @router.get("/{token}", status_code=204, response_class=Response, responses=problems(_ENDED))
    async def endpoint(token: WatchToken) -> Response:
        """Answer that the call goes on and can be watched, and name the STUN and TURN servers of now."""
        if await find_watchers(token) is None:
            return _no_call()
        return Response(status_code=204, headers=server_links(settings.transport))

    @router.get("/{token}/{watcher_id}", status_code=204, response_class=Response, responses=problems(_UNKNOWN))
    async def watching(token: WatchToken, watcher_id: WatcherId) -> Response:
        """Answer that the watcher is still sent the call."""
        return Response(status_code=204) if await is_watching(token, watcher_id) else _no_watcher()

    @router.patch(
        "/{token}/{watcher_id}",
        status_code=204,
        response_class=Response,
        openapi_extra=FRAGMENT_BODY,
        responses={**FRAGMENT_ANSWERS, **problems({**FRAGMENT_REFUSALS, **_UNKNOWN})},
    )
    async def trickle(token: WatchToken, watcher_id: WatcherId, request: Request) -> Response:
        """Name more addresses of yours, as you find them. If-Match may say the answer's ETag. Or restart ICE."""
        watchers = await find_watchers(token)
        if watchers is None or not await watchers.has(watcher_id):
            return _no_watcher()
        fragment, tags = await read_fragment_request(request)
        trickled = await watchers.trickle(watcher_id, fragment, tags)
        return _no_watcher() if trickled is None else fragment_answer(trickled)

    @router.delete("/{token}/{watcher_id}", response_class=Response, responses=problems(_UNKNOWN))
    async def leave(token: WatchToken, watcher_id: WatcherId) -> Response:
        """Watch no longer."""
        watchers = await find_watchers(token)
        if watchers is None or not await watchers.remove(watcher_id):
            return _no_watcher()
        return Response(status_code=200)

    return router


def _no_call() -> Response:
    return problem(404, "unknown_call", "The call has ended, or never was: nobody can watch it (any more).")


def _no_watcher() -> Response:
    return problem(404, "unknown_call", "The call has ended, or is not watched by this address (any more).")

"""/whip: one request with an SDP offer makes a call, one DELETE ends it (the shape of WHIP, RFC 9725)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from avatar.call_limits import EndReason
from avatar.calls import CallsSnapshot, Mode
from avatar.config import ServerSettings
from avatar.errors import AvatarError
from avatar.http.bodies import read_body
from avatar.http.headers import WHIP_PREFLIGHT
from avatar.http.metrics import Metrics
from avatar.http.problems import RequestError, problem
from avatar.http.schemas import problems
from avatar.types import Drive

SDP: Final = "application/sdp"

CallId = Annotated[str, Path(max_length=64, description="The end of the address in the offer's Location.")]
Side = Annotated[int | None, Query(description="Pixels, even, 128 to 1280 x 720 or 720 x 1280.")]

_OFFER_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}},
}


class AnsweredCall(Protocol):
    """A call that has been set up."""

    @property
    def id(self) -> str:
        """Unguessable; whoever holds it may end the call."""

    @property
    def answer_sdp(self) -> str:
        """The SDP answer, complete with every candidate."""


class CallHost(Protocol):
    """Runs the calls. `avatar.calls.Calls` is the one in use."""

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

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        """End a call; False when there is none of that id."""

    async def close(self) -> None:
        """Say goodbye to every peer and end all calls."""

    def snapshot(self) -> CallsSnapshot:
        """Return how all the calls do now."""


def whip_routes(
    calls: CallHost, settings: ServerSettings, metrics: Metrics, guard: Callable[[Request], None]
) -> APIRouter:
    """Return the routes; `guard` refuses offers it does not let in."""
    router = APIRouter(prefix="/whip", tags=["calls"])
    links = {"Link": ", ".join(f'<{url}>; rel="ice-server"' for url in settings.transport.ice_servers)}
    links = links if settings.transport.ice_servers else {}

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
            int | None, Query(ge=1, le=60, description="Pictures a second; the server has its limit.")
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
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
                raise RequestError(f"Send the offer as {SDP}.", code="wrong_type")
            body = await read_body(request, settings.limits.offer_bytes)
            try:
                sdp = body.decode()
            except UnicodeDecodeError as error:
                raise RequestError("The offer is not text.", code="bad_offer") from error
            call = await calls.create(sdp, avatar, width=width, height=height, fps=fps, mode=mode, drive=drive)
        except AvatarError as error:
            metrics.offers.labels(error.code).inc()
            raise
        metrics.offers.labels("ok").inc()
        headers = {"Location": f"/whip/{call.id}", **links}
        return Response(call.answer_sdp, 201, headers, SDP)

    @router.options("", status_code=204, response_class=Response)
    async def options() -> Response:
        """Say what an offer looks like, and let pages of other origins make one."""
        return Response(status_code=204, headers={**WHIP_PREFLIGHT, **links})

    @router.options("/{call_id}", status_code=204, response_class=Response)
    async def options_of_call(call_id: CallId) -> Response:  # noqa: ARG001
        """Let pages of other origins end their call."""
        return Response(status_code=204, headers=WHIP_PREFLIGHT)

    @router.delete("/{call_id}", response_class=Response, responses=problems({404: "`unknown_call`."}))
    async def end(call_id: CallId) -> Response:
        """End a call."""
        if not await calls.end(call_id):
            return problem(404, "unknown_call", "There is no such call (any more).")
        return Response(status_code=200)

    return router

"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) share: bodies of SDP, ICE tags, and headers of an answer."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from fastapi import Request, Response

from avatar.call.ice_session import Trickled
from avatar.call.running import AnsweredOffer
from avatar.config import TransportSettings
from avatar.server.bodies import read_body
from avatar.server.problems import RequestError
from avatar.stream.ice_servers import IceServer, ice_servers

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"

FRAGMENT_BYTES: Final = 16_384
"""A piece with all the addresses that a call may have is half as long."""

OFFER_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}},
}
FRAGMENT_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}},
}
FRAGMENT_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "ICE has begun anew: our new credentials and addresses, and the ETag of the new ICE session.",
        "content": {FRAGMENT: {}},
    },
    204: {"description": "The addresses are tried."},
}
FRAGMENT_REFUSALS: Final = {
    400: "No candidates, or too many, or credentials that are none: `bad_fragment`.",
    409: "ICE cannot begin anew before it has connected once, or once it is lost: `busy`. The call goes on.",
    412: "If-Match names another ICE session: `stale_tag`.",
    415: f"The body is not {FRAGMENT}: `wrong_type`.",
    428: "Neither If-Match nor the body says which ICE session is meant: `tag_needed`.",
    503: "No port is free for an ICE restart: `server_full`. The call goes on.",
}
_USER: Final = re.compile(r"^a=ice-ufrag:", re.MULTILINE)


def answer_headers(path: str, session: AnsweredOffer, transport: TransportSettings) -> dict[str, str]:
    """Return the headers of a 201: where the session is, its ICE session, and the STUN and TURN servers of now."""
    return {"Location": f"{path}/{session.id}", "ETag": f'"{session.ice_tag}"', **server_links(transport)}


def fragment_answer(trickled: Trickled) -> Response:
    """Return the answer to a piece of SDP: 204, or 200 with ours where it has restarted ICE (RFC 9725, 4.3.3)."""
    if trickled.restart is None:
        return Response(status_code=204)
    return Response(trickled.restart, 200, {"ETag": f'"{trickled.ice_tag}"'}, FRAGMENT)


def server_links(transport: TransportSettings) -> dict[str, str]:
    """Return the header that names the STUN and TURN servers of now, where there are any."""
    servers = ice_servers(transport)
    return {"Link": ", ".join(map(link_value, servers))} if servers else {}


def link_value(server: IceServer) -> str:
    """Return the value of a Link header that names a STUN or TURN server (RFC 9725, 4.6)."""
    value = f'<{server.url}>; rel="ice-server"'
    if server.username is None or server.credential is None:
        return value
    name, password = (re.sub(r'(["\\])', r"\\\1", text) for text in (server.username, server.credential))
    return f'{value}; username="{name}"; credential="{password}"; credential-type="password"'


async def read_fragment_request(request: Request) -> tuple[str, Collection[str] | None]:
    """Return a piece of SDP, and the tags of the ICE session that it is for; None where its own user says that.

    Raises RequestError, `tag_needed` where neither does (RFC 6585, 3): which session it is for could not be told.
    """
    fragment = await read_text(request, FRAGMENT, FRAGMENT_BYTES, code="bad_fragment")
    # Eyevinn's WHIP client of 2026 sends the tag as ETag.
    given = request.headers.get("if-match") or request.headers.get("etag")
    if given is not None:
        return fragment, [tag.strip().strip('"') for tag in given.split(",")]
    if _USER.search(fragment) is None:
        raise RequestError(
            "Which ICE session is meant? Send the answer's ETag as If-Match, or your a=ice-ufrag in the body.",
            code="tag_needed",
        )
    return fragment, None


async def read_text(request: Request, media_type: str, limit: int, *, code: str) -> str:
    """Return a body of at most `limit` bytes. Raises RequestError, with `code` where it is no text."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RequestError(f"Send the body as {media_type}.", code="wrong_type")
    body = await read_body(request, limit)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError("The body is not text in UTF-8.", code=code) from error

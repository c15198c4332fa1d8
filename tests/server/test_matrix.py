"""What each address answers to each method, who may use it, and what a browser or a WHIP client is told.

The table in docs/protocol.md is this list. To make it anew: `.venv/bin/python tests/server/test_matrix.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from avatar.call.ice_session import Trickled, check_tags
from avatar.call.limits import EndReason
from avatar.call.totals import CallsSnapshot
from avatar.config import ServerSettings, TransportSettings
from avatar.errors import OfferError, TrickleError
from avatar.generator.identity import Identity
from avatar.identities.builtin import BuiltinFace
from avatar.identities.library import AvatarLibrary
from avatar.server.app import create_app
from avatar.types import U8

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BEGIN: Final = "<!-- answers: from tests/server/test_matrix.py -->\n"
END: Final = "<!-- end of answers -->\n"

TOKEN: Final = {"Authorization": "Bearer a-token"}
SDP: Final = {"Content-Type": "application/sdp"}
FRAGMENT: Final = {"Content-Type": "application/trickle-ice-sdpfrag"}
NAMELESS: Final = "a=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 49152 typ host\r\n"
CANDIDATE: Final = "a=ice-ufrag:user\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 49152 typ host\r\n"
RESTART: Final = "a=ice-ufrag:another\r\na=ice-pwd:0123456789abcdef012345\r\n"
ELSEWHERE: Final = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
FRIEND: Final = {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}
PREFLIGHT: Final = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
EVERY_METHOD: Final = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
ABSENT: Final = "absent"

OPEN: Final = "open"
GUARDED: Final = "guarded"
FRIENDLY: Final = "friendly"
SERVERS: Final = {
    OPEN: "no token",
    GUARDED: "a token",
    FRIENDLY: "`--allow-origin https://friend.example`",
}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    answer: str
    """Status, and the code of a problem."""
    who: str = ""
    """Who sends it, or what is special about it."""
    server: str = OPEN
    sent: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer; `ABSENT` where there is to be none."""


EXCHANGES: Final = [
    # A call
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "201",
        "an offer",
        sent=SDP,
        body="v=0",
        told={"Location": "/whip/CALL", "ETag": '"tag"', "Link": '<stun:stun.example.org>; rel="ice-server"'},
    ),
    Exchange(
        "POST", "/whip?avatar=ID", "415 wrong_type", "any other body", sent={"Content-Type": "text/plain"}, body="x"
    ),
    Exchange(
        "POST", "/whip?avatar=ID", "413 too_many_bytes", "an offer beyond 64,000 bytes", sent=SDP, body="v" * 70_000
    ),
    Exchange("POST", "/whip", "400 bad_request", "an offer that names no avatar", sent=SDP, body="v=0"),
    Exchange("GET", "/whip", "204"),
    Exchange("HEAD", "/whip", "204"),
    Exchange(
        "OPTIONS",
        "/whip",
        "204",
        told={
            "Allow": "GET, HEAD, POST, OPTIONS",
            "Accept-Post": "application/sdp",
            "Access-Control-Allow-Methods": EVERY_METHOD,
            "Link": ABSENT,
        },
    ),
    Exchange("PUT", "/whip", "405 method_not_allowed", told={"Allow": "GET, HEAD, POST, OPTIONS"}),
    Exchange("GET", "/whip/CALL", "204"),
    Exchange("GET", "/whip/GONE", "404 unknown_call"),
    Exchange("OPTIONS", "/whip/CALL", "204", told={"Allow": "GET, HEAD, PATCH, DELETE, OPTIONS"}),
    Exchange("POST", "/whip/CALL", "405 method_not_allowed", told={"Allow": "GET, HEAD, PATCH, DELETE, OPTIONS"}),
    Exchange("PATCH", "/whip/CALL", "204", "candidates", sent=FRAGMENT, body=CANDIDATE),
    Exchange(
        "PATCH",
        "/whip/CALL",
        "204",
        "with `If-Match` as the ETag, or `*`",
        sent={**FRAGMENT, "If-Match": '"tag"'},
        body=CANDIDATE,
    ),
    Exchange(
        "PATCH", "/whip/CALL", "412 stale_tag", "with another", sent={**FRAGMENT, "If-Match": '"other"'}, body=CANDIDATE
    ),
    Exchange(
        "PATCH",
        "/whip/CALL",
        "200",
        "an ICE restart, with `If-Match: *`",
        sent={**FRAGMENT, "If-Match": "*"},
        body=RESTART,
        told={"Content-Type": FRAGMENT["Content-Type"], "ETag": '"new tag"'},
    ),
    Exchange(
        "PATCH",
        "/whip/CALL",
        "409 busy",
        "an ICE restart before the first connection is there",
        sent={**FRAGMENT, "If-Match": "*"},
        body="a=ice-ufrag:unconnected\r\na=ice-pwd:0123456789abcdef012345\r\n",
    ),
    Exchange(
        "PATCH",
        "/whip/CALL",
        "400 bad_fragment",
        "anything else of that type",
        sent={**FRAGMENT, "If-Match": "*"},
        body="junk",
    ),
    Exchange("PATCH", "/whip/CALL", "415 wrong_type", "any other body", sent=SDP, body="v=0"),
    Exchange("PATCH", "/whip/CALL", "413 too_many_bytes", "beyond 16,384 bytes", sent=FRAGMENT, body="a" * 20_000),
    Exchange("PATCH", "/whip/GONE", "404 unknown_call", "candidates", sent=FRAGMENT, body=CANDIDATE),
    Exchange(
        "PATCH",
        "/whip/CALL",
        "204",
        "with the tag as `ETag`, as Eyevinn's client sends it",
        sent={**FRAGMENT, "ETag": '"tag"'},
        body=NAMELESS,
    ),
    Exchange(
        "PATCH", "/whip/CALL", "428 tag_needed", "with neither tag nor `a=ice-ufrag`", sent=FRAGMENT, body=NAMELESS
    ),
    Exchange("DELETE", "/whip/CALL", "200"),
    Exchange("DELETE", "/whip/GONE", "404 unknown_call"),
    # Who watches it
    Exchange("GET", "/api/calls/CALL", "200", "the links it is watched by"),
    Exchange("GET", "/api/calls/GONE", "404 unknown_call"),
    Exchange("POST", "/whip?avatar=ID&watch=short", "400 bad_request", "a link that can be guessed", sent=SDP),
    Exchange(
        "POST",
        "/whep/WATCH",
        "201",
        "an offer, from any site",
        sent={**SDP, **ELSEWHERE},
        body="v=0",
        told={
            "Location": "/whep/WATCH/WATCHER",
            "ETag": '"tag"',
            "Link": '<stun:stun.example.org>; rel="ice-server"',
            "Access-Control-Allow-Origin": "*",
        },
    ),
    Exchange("POST", "/whep/WATCH", "400 bad_offer", "an offer that receives nothing", sent=SDP, body="sendonly"),
    Exchange("POST", "/whep/WATCH", "415 wrong_type", "any other body", sent={"Content-Type": "text/plain"}, body="x"),
    Exchange("POST", "/whep/GONE", "404 unknown_call", "the call has ended", sent=SDP, body="v=0"),
    Exchange("GET", "/whep/WATCH", "204", told={"Link": '<stun:stun.example.org>; rel="ice-server"'}),
    Exchange("GET", "/whep/GONE", "404 unknown_call"),
    Exchange(
        "OPTIONS",
        "/whep/WATCH",
        "204",
        "the preflight of any site",
        sent={**ELSEWHERE, **PREFLIGHT},
        told={"Accept-Post": "application/sdp", "Access-Control-Allow-Origin": "*", "Link": ABSENT},
    ),
    Exchange("GET", "/whep/WATCH/WATCHER", "204"),
    Exchange("PATCH", "/whep/WATCH/WATCHER", "204", "candidates", sent=FRAGMENT, body=CANDIDATE),
    Exchange(
        "PATCH",
        "/whep/WATCH/WATCHER",
        "200",
        "an ICE restart",
        sent={**FRAGMENT, "If-Match": "*"},
        body=RESTART,
        told={"Content-Type": FRAGMENT["Content-Type"], "ETag": '"new tag"'},
    ),
    Exchange("PATCH", "/whep/WATCH/GONE", "404 unknown_call", "candidates", sent=FRAGMENT, body=CANDIDATE),
    Exchange("DELETE", "/whep/WATCH/WATCHER", "200"),
    Exchange("DELETE", "/whep/WATCH/GONE", "404 unknown_call"),
    Exchange("GET", "/watch/WATCH", "200", "the page that shows it"),
    # Rooms
    Exchange("GET", "/api/rooms/a-room-of-our-own", "200", "who is in it"),
    Exchange("GET", "/api/rooms/short", "400 bad_request", "an id that can be guessed"),
    Exchange("POST", "/whip?avatar=ID&room=short", "400 bad_request", "an id that can be guessed", sent=SDP),
    # Avatars
    Exchange("GET", "/api/avatars", "200"),
    Exchange("HEAD", "/api/avatars", "200"),
    Exchange("OPTIONS", "/api/avatars", "204", told={"Allow": "GET, HEAD, POST, OPTIONS"}),
    Exchange("DELETE", "/api/avatars", "405 method_not_allowed", told={"Allow": "GET, HEAD, POST, OPTIONS"}),
    Exchange("GET", "/api/avatars/ID", "200"),
    Exchange("HEAD", "/api/avatars/ID/preview.jpg", "200", told={"Content-Type": "image/jpeg"}),
    Exchange("GET", "/api/avatars/GONE", "404 unknown_avatar"),
    Exchange(
        "DELETE", "/api/avatars/ID", "405 not_removable", "one of the server's", told={"Allow": "GET, HEAD, OPTIONS"}
    ),
    # The server
    *(
        Exchange("HEAD", path, "200")
        for path in ("/", "/healthz", "/metrics", "/api/config", "/docs", "/client/main.js")
    ),
    Exchange("POST", "/healthz", "405 method_not_allowed", told={"Allow": "GET, HEAD, OPTIONS"}),
    Exchange("GET", "/nowhere", "404 not_found"),
    Exchange("OPTIONS", "/nowhere", "404 not_found"),
    # Pages of other sites, and names that are not the server's
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "201",
        "this server's own page",
        sent={**SDP, "Origin": "http://localhost:8010"},
        body="v=0",
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "201",
        "its page behind a proxy that changes the Host",
        body="v=0",
        sent={**SDP, "Origin": "https://avatar.example", "Sec-Fetch-Site": "same-origin"},
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "403 foreign_origin",
        "a page of another site",
        sent={**SDP, **ELSEWHERE},
        body="v=0",
        told={"Access-Control-Allow-Origin": ABSENT},
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "403 foreign_origin",
        "a page on another port",
        sent={**SDP, "Origin": "http://localhost:3000"},
        body="v=0",
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "403 foreign_origin",
        "a page without an origin of its own",
        sent={**SDP, "Origin": "null"},
        body="v=0",
    ),
    *(
        Exchange(method, path, "403 foreign_origin", "a page of another site", sent=ELSEWHERE)
        for method, path in (
            ("DELETE", "/whip/CALL"),
            ("PATCH", "/whip/CALL"),
            ("POST", "/api/avatars"),
            ("DELETE", "/api/avatars/ID"),
        )
    ),
    Exchange(
        "OPTIONS",
        "/whip",
        "204",
        "the preflight of another site",
        sent={**ELSEWHERE, **PREFLIGHT},
        told={"Access-Control-Allow-Origin": ABSENT},
    ),
    Exchange(
        "GET",
        "/api/avatars",
        "421 unknown_host",
        "under a name that is not this server's",
        sent={"Host": "rebound.example:8010"},
    ),
    Exchange("GET", "/", "200", "the page, which tells what to do", sent={"Host": "rebound.example:8010"}),
    Exchange("GET", "/api/avatars", "200", "under any address of its own", sent={"Host": "[2001:db8::1]:8010"}),
    # A site that is let in
    Exchange(
        "OPTIONS",
        "/whip",
        "204",
        "the preflight of the site",
        FRIENDLY,
        {**FRIEND, **PREFLIGHT},
        told={
            "Access-Control-Allow-Origin": "https://friend.example",
            "Access-Control-Allow-Methods": EVERY_METHOD,
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, ETag",
        },
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "201",
        "a page of the site",
        FRIENDLY,
        {**SDP, **FRIEND},
        "v=0",
        told={"Access-Control-Allow-Origin": "https://friend.example", "Vary": "Origin"},
    ),
    Exchange(
        "GET",
        "/api/avatars",
        "200",
        "a page of the site",
        FRIENDLY,
        FRIEND,
        told={"Access-Control-Allow-Origin": "https://friend.example"},
    ),
    Exchange(
        "POST", "/whip?avatar=ID", "403 foreign_origin", "a page of another site", FRIENDLY, {**SDP, **ELSEWHERE}, "v=0"
    ),
    # With a token
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "401 unauthorized",
        "no token, or a wrong one",
        GUARDED,
        SDP,
        "v=0",
        told={"WWW-Authenticate": "Bearer"},
    ),
    Exchange(
        "POST",
        "/whip?avatar=ID",
        "201",
        "with the token, from any site",
        GUARDED,
        {**SDP, **TOKEN, **ELSEWHERE},
        "v=0",
        told={"Access-Control-Allow-Origin": "*"},
    ),
    Exchange(
        "OPTIONS",
        "/whip",
        "204",
        "the preflight of any site",
        GUARDED,
        {**ELSEWHERE, **PREFLIGHT},
        told={"Access-Control-Allow-Origin": "*"},
    ),
    Exchange("DELETE", "/whip/CALL", "200", "its address is enough", GUARDED),
    Exchange("POST", "/api/avatars", "401 unauthorized", "no token, or a wrong one", GUARDED),
    Exchange(
        "GET", "/api/avatars", "200", "no token", GUARDED, ELSEWHERE, told={"Access-Control-Allow-Origin": ABSENT}
    ),
    Exchange("GET", "/api/rooms/a-room-of-our-own", "401 unauthorized", "no token", GUARDED),
    Exchange("GET", "/metrics", "401 unauthorized", "no token, or a wrong one", GUARDED),
    Exchange("GET", "/metrics", "200", "with the token", GUARDED, TOKEN),
    Exchange("GET", "/healthz", "200", "no token", GUARDED),
]


class OneWatcher:
    """A call that WATCHER watches."""

    id, answer_sdp, ice_tag = "WATCHER", "v=0\r\n", "tag"

    async def count(self) -> int:
        return 1

    async def has(self, watcher_id: str) -> bool:
        return watcher_id == "WATCHER"

    async def add(self, offer_sdp: str, *, matte: bool = False) -> OneWatcher:
        if "sendonly" in offer_sdp:
            raise OfferError("The offer receives nothing.")
        return self

    async def trickle(self, watcher_id: str, fragment: str, tags: Any = None) -> Trickled | None:
        return await OneCall().trickle("CALL", fragment, tags) if await self.has(watcher_id) else None

    async def remove(self, watcher_id: str) -> bool:
        return await self.has(watcher_id)


class OneCall:
    """A server on which the call CALL runs."""

    id, answer_sdp, ice_tag, watch_token = "CALL", "v=0\r\n", "tag", "WATCH"

    async def create(self, *_: Any, **__: Any) -> OneCall:
        return self

    def get(self, call_id: str) -> Any:
        return SimpleNamespace(watch_token="WATCH", watchers=OneWatcher()) if call_id in self else None  # noqa: S106

    async def watchers(self, watch_token: str) -> OneWatcher | None:
        return OneWatcher() if watch_token == "WATCH" else None  # noqa: S105

    async def room_names(self, room_id: str) -> list[str]:
        return ["Ada"]

    def __contains__(self, call_id: str) -> bool:
        return call_id == "CALL"

    async def trickle(self, call_id: str, fragment: str, tags: Any = None) -> Trickled | None:
        check_tags("tag", tags)
        if "unconnected" in fragment:
            raise TrickleError("The call's first connection is still being made.", code="busy")
        if "another" in fragment:
            return Trickled("new tag", "a=ice-ufrag:ours\r\n")
        if "candidate" not in fragment:
            raise TrickleError("The body is no piece of SDP with candidates.")
        return Trickled("tag") if call_id in self else None

    async def end(self, call_id: str, reason: EndReason = "left") -> bool:
        return call_id in self

    def expect_another(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def snapshot(self) -> CallsSnapshot:
        return CallsSnapshot(1, 4, 1, 0, {}, 0, 0, 0, {}, latest=())


@pytest.fixture(scope="module")
def clients(
    astronaut: Identity, photo: U8, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, TestClient]]:
    """Each kind of server, reached as http://localhost:8010."""
    image = tmp_path_factory.mktemp("faces") / "drawn.png"
    Image.fromarray(photo).save(image)
    transport = TransportSettings(ice_servers=("stun:stun.example.org",))
    friendly = ("https://friend.example",)
    with ExitStack() as stack:
        made = {}
        for name, origins, token in ((OPEN, (), None), (GUARDED, (), "a-token"), (FRIENDLY, friendly, None)):
            settings = ServerSettings(transport=transport, allow_origins=origins)
            face = BuiltinFace("ID", "Drawn", image, "CC0", "this test")
            library = AvatarLibrary((face,), settings.limits, enrol=lambda *_: astronaut)
            app = create_app(settings, library, OneCall(), token=token)
            made[name] = stack.enter_context(TestClient(app, base_url="http://localhost:8010"))
        yield made


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: f"{one.server} {one.method} {one.path} {one.who}"[:90])
def test_each_request_is_answered_as_the_table_says(exchange: Exchange, clients: dict[str, TestClient]) -> None:
    client = clients[exchange.server]
    answer = client.request(exchange.method, exchange.path, headers=dict(exchange.sent), content=exchange.body)
    status, _, code = exchange.answer.partition(" ")
    assert answer.status_code == int(status), answer.text
    if code and exchange.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code and len(answer.json()["detail"]) > 20
    for name, value in exchange.told.items():
        assert answer.headers.get(name, ABSENT) == value, name
    if exchange.method == "HEAD" or status == "204":
        assert answer.content == b""
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_has_the_table_that_this_list_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == with_table(PAGE.read_text(encoding="utf-8")), (
        "make the table anew: .venv/bin/python tests/server/test_matrix.py"
    )


def with_table(page: str) -> str:
    """Return the page with the table that the list makes."""
    out = io.StringIO()
    for server, title in SERVERS.items():
        out.write(f"| server with {title} | answer |\n|---|---|\n")
        for one in (one for one in EXCHANGES if one.server == server):
            about = f": {one.who}" if one.who else ""
            told = "".join(
                f"; no `{name}`" if value == ABSENT else f"; `{name}: {value}`" for name, value in one.told.items()
            )
            out.write(f"| `{one.method} {one.path}`{about} | `{one.answer}`{told} |\n")
        out.write("\n")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{out.getvalue()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""Who may use which address, and how often; calls are made by a fake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from avatar.config import LimitSettings, ServerSettings
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.library import AvatarLibrary
from avatar.identities.live_checks import LiveChecks
from avatar.server.access import ACCESS, OPEN
from avatar.server.app import create_app
from avatar.server.tokens import SCOPES, make_token
from tests.server.test_app import HERE, OFFER, SDP, FakeCalls

SECRET = "a secret that nobody can guess, of many letters"  # noqa: S105
TOKEN = "operator"  # noqa: S105
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
Serve = Callable[..., tuple[TestClient, FakeCalls]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers with a secret, or as they are asked for."""
    with ExitStack() as stack:

        def started(
            limits: LimitSettings | None = None, token: str | None = TOKEN, **how: Any
        ) -> tuple[TestClient, FakeCalls]:
            settings = ServerSettings(limits=limits or LimitSettings(), **({"token_secret": SECRET} | how))
            calls = FakeCalls()
            backgrounds = BackgroundLibrary(settings.limits)
            checks = LiveChecks(settings.limits, open_check=lambda _: pytest.fail("no photo is sent here"))
            app = create_app(
                settings,
                AvatarLibrary((), settings.limits),
                calls,
                backgrounds=backgrounds,
                live_checks=checks,
                token=token,
            )
            return stack.enter_context(TestClient(app, base_url=HERE)), calls

        yield started


def bearer(*scopes: Any, **how: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(SECRET, scopes, timedelta(hours=1), **how)}"}


def code(answer: Any) -> str:
    return str(answer.json()["code"]) if answer.status_code >= 400 else str(answer.status_code)


def test_every_address_is_in_the_table_and_nothing_else_is(serve: Serve) -> None:
    app: Any = serve()[0].app
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    pages = {("GET", route.path) for route in app.routes if isinstance(route, APIRoute)}
    assert described | pages == set(ACCESS)


def test_every_scope_opens_something(serve: Serve) -> None:
    assert {scope for access in ACCESS.values() for scope in access.scopes} == set(SCOPES)


GUARDED = [(address, access) for address, access in ACCESS.items() if access.scopes]


@pytest.mark.parametrize(
    ("address", "access"), GUARDED, ids=lambda one: " ".join(one) if isinstance(one, tuple) else ""
)
def test_an_address_lets_its_scopes_in_and_no_others(address: tuple[str, str], access: Any, serve: Serve) -> None:
    client, _ = serve(guard_watching=True)
    method, pattern = address
    path = re.sub(r"\{\w+\}", "an-id-that-is-long-enough", pattern)
    path += "?avatar=drawn" if path == "/whip" else ""

    def ask(headers: dict[str, str]) -> str:
        return code(client.request(method, path, content=OFFER, headers={**SDP, **headers}))

    assert ask({}) == ask({"Authorization": "Bearer wrong"}) == "unauthorized"
    for scope in SCOPES:
        refused = ask(bearer(scope)) in ("insufficient_scope", "unauthorized")
        assert refused is (scope not in access.scopes), scope
    assert ask(bearer(*SCOPES)) not in ("insufficient_scope", "unauthorized")
    assert ask(OPERATOR) not in ("insufficient_scope", "unauthorized"), "the operator's own token allows everything"


def test_an_address_that_was_forgotten_in_the_table_is_the_operators(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = serve()
    assert client.get("/healthz").status_code == 200
    monkeypatch.setattr("avatar.server.access.ACCESS", {key: value for key, value in ACCESS.items() if value != OPEN})
    assert code(client.get("/healthz")) == "unauthorized"
    assert code(client.get("/healthz", headers=OPERATOR)) == "200"


def test_a_refusal_says_which_scope_is_missing(serve: Serve) -> None:
    client, _ = serve()
    answer = client.get("/metrics", headers=bearer("call"))
    assert answer.status_code == 403 and "admin" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


def test_a_token_for_one_avatar_shows_no_other(serve: Serve) -> None:
    client, calls = serve()
    only = bearer("call", avatar="drawn")
    assert code(client.post("/whip?avatar=mira", content=OFFER, headers={**SDP, **only})) == "insufficient_scope"
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **only})) == "201"
    assert len(calls.made) == 1


def test_a_token_for_one_avatar_takes_no_others_file(serve: Serve) -> None:
    client, _ = serve()
    only = bearer("call", avatar="drawn")
    assert code(client.get("/api/avatars/mira/file", headers=only)) == "insufficient_scope"
    assert code(client.get("/api/avatars/drawn/file", headers=only)) == "unknown_avatar"


def test_a_token_for_one_call_makes_another_once_that_has_ended(serve: Serve) -> None:
    client, _ = serve()
    once = {**SDP, **bearer("call", calls=1)}
    first = client.post("/whip?avatar=drawn", content=OFFER, headers=once)
    refused = client.post("/whip?avatar=drawn", content=OFFER, headers=once)
    assert refused.status_code == 429 and code(refused) == "too_many_calls" and refused.headers["retry-after"]
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers={**SDP, **bearer("call", calls=1)})) == "201"
    client.delete(first.headers["location"])
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers=once)) == "201"


def test_one_address_holds_no_more_calls_than_the_operator_says(serve: Serve) -> None:
    client, calls = serve(LimitSettings(sessions_per_address=1), token=None, token_secret=None)
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)) == "201"
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)) == "too_many_calls"
    calls.running.clear()
    assert code(client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)) == "201"


def test_who_asks_too_often_is_told_when_to_come_back(serve: Serve) -> None:
    few = LimitSettings(offers_per_minute=2, uploads_per_minute=1, rooms_per_minute=1)
    client, _ = serve(few, token=None, token_secret=None)
    for _ in range(2):
        assert code(client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)) == "201"
    refused = client.post("/whip?avatar=drawn", content=OFFER, headers=SDP)
    assert refused.status_code == 429 and code(refused) == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 30
    assert code(client.post("/whep/a-link", content=OFFER, headers=SDP)) == "too_many_requests", "watchers' offers too"
    assert code(client.post("/api/avatars", content=b"", headers=SDP)) == "wrong_type"
    assert code(client.post("/api/backgrounds", content=b"", headers=SDP)) == "too_many_requests"
    assert code(client.get("/api/rooms/a-room-of-our-own")) == "200"
    assert code(client.get("/api/rooms/another-room-of-ours")) == "too_many_requests"
    assert code(client.get("/api/avatars")) == "200", "what costs nothing is not counted"


def test_a_token_is_counted_wherever_it_is_used_from(serve: Serve) -> None:
    client, _ = serve(LimitSettings(rooms_per_minute=1))
    one, other = bearer("call"), bearer("call")
    assert code(client.get("/api/rooms/a-room-of-our-own", headers=one)) == "200"
    assert code(client.get("/api/rooms/a-room-of-our-own", headers=other)) == "too_many_requests", "the same address"


def test_a_watch_link_is_enough_where_watching_is_not_guarded(serve: Serve) -> None:
    assert code(serve()[0].get("/whep/a-link")) == "unknown_call"
    guarded = serve(guard_watching=True)[0]
    assert code(guarded.get("/whep/a-link")) == "unauthorized"
    assert code(guarded.get("/whep/a-link", headers=bearer("watch"))) == "unknown_call"
    assert code(guarded.get("/whep/a-link", headers=bearer("call"))) == "unknown_call"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost:3000"])
def test_no_page_of_another_site_opens_a_websocket(origin: str, serve: Serve) -> None:
    client, _ = serve(token=None, token_secret=None)
    for path in ("/", "/whip", "/api/avatars"):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(path, headers={"Origin": origin}):
            pass
        assert refused.value.code == 1008


def test_no_preflight_lets_pages_of_the_internet_into_this_network(serve: Serve) -> None:
    client, _ = serve(token=None, token_secret=None)
    preflight = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    for path in ("/whip", "/api/avatars", "/api/backgrounds", "/api/config"):
        answer = client.options(path, headers=preflight)
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-private-network" not in answer.headers


def test_the_page_learns_that_a_token_is_needed(serve: Serve) -> None:
    client, _ = serve(token=None)
    assert client.get("/api/config").json()["token_required"] is True

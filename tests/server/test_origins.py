"""Which pages a server hears, and by which names."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from avatar.errors import AvatarError
from avatar.server.origins import OriginRules, host_name, rules_of
from avatar.server.problems import RequestError


def rules(host: str = "127.0.0.1", **how: Any) -> OriginRules:
    return rules_of(host, **{"hosts": (), "origins": (), "guarded": False, "tls": False} | how)


def verdict(of: OriginRules, method: str = "GET", **headers: str) -> str:
    """Return `ok`, or the code of the refusal."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        of.check(method, {"host": "localhost:8010", **sent})
    except RequestError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8010", "LOCALHOST:9000", "avatar.localhost:8010", "127.0.0.1:8010", "192.0.2.7",
        "[::1]:8010", "[fe80::1%25eth0]:8010", "localhost.", "",
        socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local:8010",
    ],
)  # fmt: skip
def test_a_server_goes_by_its_addresses_and_its_machines_names(host: str) -> None:
    assert verdict(rules(), host=host) == "ok"


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example", "rebound.example:8010", "localhost.rebound.example", "127.0.0.1.rebound.example",
        "[::1].rebound.example", "rebound.example:localhost", "xlocalhost", ".",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_a_stranger_lets_point_here_is_refused(host: str, method: str) -> None:
    assert verdict(rules(), method, host=host) == "unknown_host"


def test_the_names_a_server_listens_on_and_is_given_are_its_own() -> None:
    assert verdict(rules("Avatar.example"), host="avatar.EXAMPLE:8010") == "ok"
    named = rules("0.0.0.0", hosts=["avatar.example:443", "other.example"])  # noqa: S104
    assert verdict(named, host="avatar.example") == verdict(named, host="other.example:1") == "ok"
    assert verdict(named, host="third.example") == "unknown_host"


@pytest.mark.parametrize("how", [{"guarded": True}, {"tls": True}, {"hosts": ["*"]}])
def test_any_name_will_do_where_no_stranger_could_use_it(how: dict[str, Any]) -> None:
    assert verdict(rules(**how), host="rebound.example") == "ok"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_programs_and_our_own_page_may_change_things(method: str) -> None:
    assert verdict(rules(), method) == "ok", "no browser: no Origin"
    assert verdict(rules(), method, origin="http://localhost:8010") == "ok"
    assert verdict(rules(), method, origin="http://localhost:8010", sec_fetch_site="same-origin") == "ok"
    assert verdict(rules(), method, host="127.0.0.1", origin="http://127.0.0.1") == "ok"
    assert verdict(rules(), method, host="[::1]:8010", origin="http://[::1]:8010") == "ok"
    assert verdict(rules(), method, host="localhost:443", origin="https://localhost") == "ok"
    behind = {"host": "localhost:8010", "origin": "https://avatar.example"}
    assert verdict(rules(), method, **behind, sec_fetch_site="same-origin") == "ok", "a proxy that changes the Host"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "https://elsewhere.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"origin": "http://localhost"},
        {"origin": "http://localhost.elsewhere.example:8010"},
        {"origin": "http://[::1"},
        {"origin": "file://localhost:8010"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
    ],
)
def test_pages_of_other_sites_may_only_read(method: str, headers: dict[str, str]) -> None:
    assert verdict(rules(), method, **headers) == "foreign_origin"
    for reading in ("GET", "HEAD", "OPTIONS"):
        assert verdict(rules(), reading, **headers) == "ok"
    assert verdict(rules(guarded=True), method, **headers) == "ok", "the token decides"
    assert verdict(rules(tls=True), method, **headers) == "foreign_origin"


def test_a_site_that_is_let_in_may_change_things_too() -> None:
    friendly = rules(origins=["https://Friend.example:443/", "http://localhost:3000"])
    for origin in ("https://friend.example", "http://localhost:3000"):
        assert verdict(friendly, "POST", origin=origin, sec_fetch_site="cross-site") == "ok"
    assert verdict(friendly, "POST", origin="http://friend.example") == "foreign_origin"
    assert verdict(rules(origins=["*"]), "POST", origin="https://anybody.example") == "ok"
    assert verdict(rules(origins=["null"]), "POST", origin="null") == "ok"


@pytest.mark.parametrize(
    "origin",
    [
        "friend.example",
        "https://",
        "https://friend.example/path",
        "https://a:b@c",
        "x://y:z",
        "",
        "https://*.friend.example",
        "https://a b",
        "https://bücher.example",
    ],
)
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(AvatarError, match="no origin"):
        rules(origins=[origin])


@pytest.mark.parametrize(
    "host", ["", "http://avatar.example/", "avatar.example/", "*.avatar.example", "a b", "bücher.example", "::1"]
)
def test_a_name_that_no_request_could_have_is_refused_at_the_start(host: str) -> None:
    with pytest.raises(AvatarError, match="no name of a server"):
        rules(hosts=[host])


def test_a_refusal_never_suggests_an_option_that_cannot_be() -> None:
    for host in ("::1", "[::1", "localhost@elsewhere.example", "a b"):
        with pytest.raises(RequestError, match="holds no name or address"):
            rules().check("GET", {"host": host})
    with pytest.raises(RequestError) as refused:
        rules().check("POST", {"host": "localhost", "sec-fetch-site": "cross-site"})
    assert "--allow-origin" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "name"), [("A.example:80", "a.example"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a.", "a"), (":80", "")]
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name

"""Tokens that an operator hands out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.errors import TokenError
from avatar.server.problems import RequestError
from avatar.server.tokens import EVERYTHING, LEEWAY_S, SCOPES, Grant, make_token, read_token

SECRET = "a secret that nobody can guess, of many letters"  # noqa: S105
HOUR = timedelta(hours=1)


def signed(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    """Return a token whose claims are good but for what is changed; None: left out."""
    now = datetime.now(UTC)
    claims = {"iss": "avatar", "iat": now, "exp": now + HOUR, "jti": "1", "scope": "call"} | changed
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def refusal(token: str) -> str:
    with pytest.raises(RequestError) as refused:
        read_token(SECRET, token)
    assert refused.value.code == "unauthorized"
    return str(refused.value)


def test_a_token_allows_what_it_was_made_for() -> None:
    assert read_token(SECRET, make_token(SECRET, ["enroll", "call"], HOUR)).scopes == {"call", "enroll"}
    narrow = read_token(SECRET, make_token(SECRET, ["call"], HOUR, avatar="mira", calls=2))
    assert (narrow.avatar, narrow.calls) == ("mira", 2) and narrow.token_id
    assert Grant(frozenset(SCOPES)) == EVERYTHING


def test_each_token_has_an_id_of_its_own() -> None:
    first, second = (read_token(SECRET, make_token(SECRET, ["call"], HOUR)) for _ in range(2))
    assert first.token_id != second.token_id


def test_a_token_ends_at_its_time_but_for_what_clocks_may_differ() -> None:
    now = datetime.now(UTC)
    just_over = make_token(SECRET, ["call"], HOUR, now=now - HOUR - timedelta(seconds=LEEWAY_S / 2))
    assert read_token(SECRET, just_over).scopes == {"call"}
    over = make_token(SECRET, ["call"], HOUR, now=now - HOUR - timedelta(seconds=2 * LEEWAY_S))
    assert "has expired" in refusal(over) and "avatar token" in refusal(over)
    refusal(make_token(SECRET, ["call"], HOUR, now=now + timedelta(minutes=5)))


def test_only_tokens_of_this_secret_and_this_algorithm_are_taken() -> None:
    assert read_token(SECRET, signed())
    refusal(signed(secret="another secret, which is as long as the first one"))  # noqa: S106
    refusal(signed(secret="", algorithm="none"))
    refusal(signed(secret=2 * SECRET, algorithm="HS512"))
    refusal(signed(secret=SECRET + SECRET, algorithm="HS384"))
    head, body, _ = signed().split(".")
    refusal(f"{head}.{body}.")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"}, {"iss": None}, {"exp": None}, {"iat": None}, {"jti": None}, {"scope": None},
        {"scope": ["call"]}, {"scope": 5}, {"avatar": 5}, {"calls": "many"}, {"calls": True},
    ],
)  # fmt: skip
def test_a_token_that_does_not_say_what_it_must_is_none(changed: dict[str, Any]) -> None:
    assert "no token of this server" in refusal(signed(**changed))


def test_scopes_that_this_server_does_not_know_allow_nothing() -> None:
    assert read_token(SECRET, signed(scope="call fly")).scopes == {"call"}
    assert read_token(SECRET, signed(scope="")).scopes == set()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=3000))
def test_junk_is_no_token(junk: str) -> None:
    refusal(junk)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"life": timedelta(0)}, "lasts"), ({"life": timedelta(days=400)}, "lasts"), ({"scopes": []}, "allows some of"),
        ({"scopes": ["fly"]}, "allows some of"), ({"avatar": ""}, "id"), ({"avatar": "x" * 65}, "id"),
        ({"calls": 0}, "calls at once"), ({"secret": "short"}, "--new-secret"),
    ],
)  # fmt: skip
def test_what_no_token_can_say_is_refused_as_it_is_made(how: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        make_token(**{"secret": SECRET, "scopes": ["call"], "life": HOUR} | how)

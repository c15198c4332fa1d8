"""STUN and TURN servers: how they are given, and names and passwords that expire."""

from __future__ import annotations

import pytest

from avatar.config import TransportSettings
from avatar.errors import AvatarError
from avatar.stream.ice_servers import IceServer, expiring_credentials, ice_servers, read_ice_server

PLACE = "turn:t.example:3478?transport=udp"
SECRET = "north"  # noqa: S105


def test_a_name_and_a_password_may_stand_in_the_address() -> None:
    server = read_ice_server("turns:me:p%40ss%3Aword@[2001:db8::1]:5349?transport=tcp")
    assert server == IceServer("turns:[2001:db8::1]:5349?transport=tcp", "me", "p@ss:word")
    assert "p@ss" not in repr(server)


def test_each_server_may_have_its_own_and_the_others_share_one() -> None:
    settings = TransportSettings(
        ice_servers=("stun:s.example", "turn:a:b@one.example", "turn:two.example"),
        turn_username="me",
        turn_credential="word",
    )
    assert ice_servers(settings) == (
        IceServer("stun:s.example"),
        IceServer("turn:one.example", "a", "b"),
        IceServer("turn:two.example", "me", "word"),
    )


def test_names_from_a_shared_secret_say_when_they_expire_and_are_new_for_each_call() -> None:
    settings = TransportSettings(ice_servers=(PLACE,), turn_secret=SECRET, turn_name_s=3600)
    (first,), (later,) = (ice_servers(settings, now_s=now_s) for now_s in (1_700_000_000, 1_700_000_060))
    assert first.username == "1700003600:avatar" and later.username == "1700003660:avatar"
    assert first.credential != later.credential
    assert SECRET not in repr(settings)


def test_a_password_in_an_address_is_not_shown_where_settings_are_logged() -> None:
    assert "word" not in repr(TransportSettings(ice_servers=("turn:me:word@t.example",)))


def test_the_password_is_the_names_keyed_hash() -> None:
    """The value that `openssl dgst -sha1 -hmac north -binary | base64` gives for the name."""
    assert expiring_credentials(SECRET, 1_700_000_000, 0) == ("1700000000:avatar", "C8liRqmNxfBq1Y4DwXIx31/uI/w=")


@pytest.mark.parametrize(
    "url", ["turn:", "turn:a@b.example", "turn:a:b@", "http://t.example", "turn:a:b@c:d@e.example"]
)
def test_what_is_no_server_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(AvatarError, match="no STUN or TURN server") as caught:
        read_ice_server(url)
    assert ":b@" not in str(caught.value)


def test_a_turn_server_without_a_name_is_refused_with_what_to_set() -> None:
    with pytest.raises(AvatarError, match="AVATAR_TURN_SECRET"):
        ice_servers(TransportSettings(ice_servers=("turn:t.example",)))

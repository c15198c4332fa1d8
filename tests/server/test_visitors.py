"""Whom a request counts for."""

from __future__ import annotations

import pytest
from fastapi import Request

from avatar.server.visitors import visitor_of


@pytest.mark.parametrize(
    ("client", "visitor"),
    [
        (("192.0.2.7", 4000), "192.0.2.7"),
        (("::ffff:192.0.2.7", 4000), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4000), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4000), "fe80::/64"),
        (("2001:db8:1:2:3::4", 4000), "2001:db8:1:2::/64"),
        (("testclient", 4000), "testclient"),
        (None, ""),
    ],
)
def test_a_home_is_one_visitor(client: tuple[str, int] | None, visitor: str) -> None:
    assert visitor_of(Request({"type": "http", "client": client, "headers": []})) == visitor

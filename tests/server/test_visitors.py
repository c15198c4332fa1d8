"""Whom a request counts for."""

from __future__ import annotations

import pytest
import uvicorn
from fastapi import Request
from starlette.types import Receive, Scope, Send

from avatar.server.visitors import proxy_options, visitor_of


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


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("proxies", "neighbour", "visitor"),
    [
        ((), "127.0.0.1", "127.0.0.1"),
        ((), "203.0.113.1", "203.0.113.1"),
        (("127.0.0.1",), "127.0.0.1", "198.51.100.9"),
        (("10.0.0.0/8",), "10.1.2.3", "198.51.100.9"),
        (("10.0.0.0/8",), "127.0.0.1", "127.0.0.1"),
    ],
)
async def test_who_asks_is_said_by_named_proxies_alone(proxies: tuple[str, ...], neighbour: str, visitor: str) -> None:
    seen = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(visitor_of(Request(scope)))

    async def nothing(*_: object) -> dict[str, str]:
        return {}

    config = uvicorn.Config(app, log_config=None, **proxy_options(proxies))
    config.load()
    # What the visitor has made up comes first, what the proxy saw is added.
    headers = [(b"x-forwarded-for", b"192.0.2.1, 198.51.100.9")]
    scope = {"type": "http", "client": (neighbour, 4000), "headers": headers}
    await config.loaded_app(scope, nothing, nothing)  # type: ignore[arg-type]
    assert seen == [visitor]

"""Who a request is from, as far as its address tells: the one rule for every limit per visitor."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request

_HOME_PREFIX: Final = 64
"""Bits of an IPv6 address that a provider gives to one home, whose devices choose the rest as they like."""


def proxy_options(proxies: Sequence[str]) -> dict[str, Any]:
    """Return the options of `uvicorn.Config` by which these proxies, and nobody else, say who asks.

    Its default takes the word of whoever connects from this machine, which is a proxy that may hand on what a visitor
    has made up.
    """
    return {"proxy_headers": bool(proxies), "forwarded_allow_ips": list(proxies)}


def visitor_of(request: Request) -> str:
    """Return the visitor behind a request; "" where the server does not know its address."""
    return visitor_at(request.client.host if request.client is not None else "")


def visitor_at(address: str) -> str:
    """Return the visitor at an IP address: an IPv4 address, or the part of an IPv6 one that is not theirs to choose."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, _HOME_PREFIX), strict=False))

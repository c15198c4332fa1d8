"""Who a request is from, as far as its address tells."""

from __future__ import annotations

import ipaddress
from typing import Final

from fastapi import Request

_HOME_PREFIX: Final = 64
"""Bits of an IPv6 address that a provider gives to one home, whose devices choose the rest as they like."""


def visitor_of(request: Request) -> str:
    """Return the sender's address, of an IPv6 one the part that is not theirs to choose; "" where it has none."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((address, _HOME_PREFIX), strict=False))

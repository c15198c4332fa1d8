"""Who a request is from, as far as its address tells."""

from __future__ import annotations

from fastapi import Request

from avatar.http.admission import address_group


def visitor_of(request: Request) -> str:
    """Return the sender's address, of an IPv6 one the part that is not theirs to choose; "" where it has none."""
    return address_group(request.client.host) if request.client is not None else ""

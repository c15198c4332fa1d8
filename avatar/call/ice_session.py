"""The ICE session of a call or of one who watches it: which one a piece of SDP is for, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from avatar.errors import TrickleError


@dataclass(frozen=True, slots=True)
class Trickled:
    """What has become of a piece of SDP that a peer has sent after its offer."""

    ice_tag: str
    """Names the ICE session that goes on, or has begun."""
    restart: str | None = None
    """The piece of SDP that answers an ICE restart; None: it was none, its addresses are tried."""


def check_tags(ice_tag: str, tags: Collection[str] | None) -> None:
    """Raise TrickleError (`stale_tag`) unless a piece is for this ICE session: `*` is any, None says nothing."""
    if tags is not None and not {ice_tag, "*"} & set(tags):
        raise TrickleError("The session has another ETag than If-Match says.", code="stale_tag")

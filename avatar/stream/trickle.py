"""Addresses that a peer finds after its offer: the pieces of SDP it sends for them (RFC 8840, 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from avatar.errors import TrickleError
from avatar.stream.sdp.text import Lines
from avatar.stream.sdp.transport import MAX_CANDIDATES, reachable

_KNOWN: Final = ("a=candidate:", "a=end-of-candidates", "a=ice-ufrag:", "a=ice-pwd:", "a=mid:")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a piece says, as far as a call needs it. Its sections share one transport, so they need not be told apart;
    that no more will come is left out, as in an offer."""

    users: frozenset[str]
    """The ICE users (ufrag) it names: of the offer, or of a restart."""
    addresses: tuple[str, ...]
    """Values of candidates, each address once."""
    names: tuple[str, ...]
    """Values of candidates whose address is a name in the local network (mDNS)."""


def read_fragment(text: str) -> Fragment:
    """Read a piece. Raises TrickleError where it is none, or names too many addresses."""
    lines = Lines(tuple(line.strip() for line in text.splitlines()))
    if not any(line.startswith(_KNOWN) for line in lines.lines):
        raise TrickleError(
            "The body is no piece of SDP with candidates. Send a=candidate lines, with a=ice-ufrag and a=mid."
        )
    # Some clients repeat each candidate in every section.
    candidates = tuple(dict.fromkeys(lines.values("candidate")))
    if len(candidates) > MAX_CANDIDATES:
        raise TrickleError(f"The body names more than {MAX_CANDIDATES} network addresses.")
    addresses, names = reachable(candidates)
    return Fragment(
        frozenset(lines.values("ice-ufrag")), tuple(line.removeprefix("a=candidate:") for line in addresses), names
    )

"""How the peer behind an offer is reached: its ICE credentials and addresses, and the certificate it will show."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from avatar.errors import OfferError
from avatar.stream.sdp.text import Lines, Section

MAX_CANDIDATES: Final = 64
"""Addresses one offer may name: each is sent connectivity checks, so a long list would make us flood strangers."""
MAX_NAMES: Final = 8
"""Names of hosts one offer may have looked for in the local network; a browser gives one for each of its addresses."""

_DIGEST_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
"""The digests that aiortc 1.16 checks."""
_SETUP: Final = ("actpass", "active", "passive")
_CANDIDATE: Final = re.compile(
    r"(\S{1,32}) +1 +udp +([0-9]{1,10}) +(\S{1,255}) +([0-9]{1,5}) +typ +(host|srflx|prflx|relay)(?: .*)?",
    re.IGNORECASE,
)
_LOCAL_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,63}\.local")


@dataclass(frozen=True, slots=True)
class Transport:
    """One way for everything in a call."""

    user: str
    """The peer's ICE user (ufrag)."""
    credentials: tuple[str, ...]
    """Lines of ICE and DTLS that belong into each section."""
    candidates: tuple[str, ...]
    """Lines with the addresses of the peer; empty where it will make itself known by its own checks."""
    names: tuple[str, ...]
    """Values of candidates whose address is a name in the local network (mDNS)."""
    knows_ice2: bool
    """The peer says that it does ICE as RFC 8445 has it."""


def read_transport(session: Lines, sections: Sequence[Section]) -> Transport:
    """Read the transport that these sections share; what the first of them does not say, the next ones do.

    Addresses that nobody can be sent a packet at (TCP, other hosts' names, a second component) are left out. So is the
    line that says that no more will come: the peer's own checks may still come from an address nobody has named, and an
    agent has to wait for those (RFC 8863), which aioice 0.13 does not do once it has been told.

    Raises OfferError where credentials are missing, ValueError where a line is no SDP.
    """
    setup = _first("setup", sections, session)
    if setup is not None and setup not in _SETUP:
        raise ValueError(f"there is no DTLS role for a=setup:{setup[:16]}")
    user, password = _first("ice-ufrag", sections, session), _first("ice-pwd", sections, session)
    if user is None or password is None or not are_credentials(user, password):
        raise OfferError("The offer has no ICE credentials (a=ice-ufrag, a=ice-pwd).")
    fingerprints = next((found for part in (*sections, session) if (found := part.values("fingerprint"))), ())
    if setup is None or not fingerprints:
        raise OfferError("The offer has no DTLS fingerprint (a=fingerprint, a=setup).")
    # Of the first section that names any: sections that are not bundled yet have addresses of their own beside it.
    ours = (part.values("candidate") for part in sections if part.value("ice-ufrag") in (None, user))
    candidates = next(filter(None, ours), ())
    if len(candidates) > MAX_CANDIDATES:
        raise OfferError(f"The offer names more than {MAX_CANDIDATES} network addresses.")
    addresses, names = reachable(candidates)
    lines = (f"a=ice-ufrag:{user}", f"a=ice-pwd:{password}", *_usable(fingerprints), f"a=setup:{setup}")
    options = re.split("[ ,]+", _first("ice-options", sections, session) or "")
    return Transport(user, lines, addresses, names, knows_ice2="ice2" in options)


def are_credentials(user: str, password: str) -> bool:
    """Return whether these can be an ICE user (ufrag) and its password (RFC 8839, 5.4), in any printing letters."""
    return re.fullmatch("[!-~]{4,256}", user) is not None and re.fullmatch("[!-~]{22,256}", password) is not None


def _first(attribute: str, sections: Sequence[Section], session: Lines) -> str | None:
    return next((value for part in (*sections, session) if (value := part.value(attribute))), None)


def _usable(fingerprints: tuple[str, ...]) -> tuple[str, ...]:
    lines = []
    for fingerprint in fingerprints:
        algorithm, _, digest = fingerprint.partition(" ")
        count = _DIGEST_BYTES.get(algorithm.lower())
        if count is not None and re.fullmatch(f"(?:[0-9a-fA-F]{{2}}:){{{count - 1}}}[0-9a-fA-F]{{2}}", digest.strip()):
            lines.append(f"a=fingerprint:{algorithm.lower()} {digest.strip().upper()}")
    if not lines:
        raise OfferError(
            "The offer's DTLS fingerprint cannot be checked, so nobody could know who answers. Give one of the whole "
            f"certificate by {', '.join(_DIGEST_BYTES)} (a=fingerprint)."
        )
    return tuple(dict.fromkeys(lines))


def reachable(candidates: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines of addresses that can be sent packets, and the values whose address is a local name.

    `candidates` are values of a=candidate lines.
    """
    addresses: dict[tuple[str, int], str] = {}
    names: dict[str, str] = {}
    for candidate in candidates:
        found = _CANDIDATE.fullmatch(candidate)
        if found is None or not 0 < int(found[4]) < 65_536 or int(found[2]) >= 2**32:
            continue
        foundation, priority, host, port, kind = found.groups()
        plain = f"{foundation} 1 udp {priority} {host} {port} typ {kind.lower()}"
        if _LOCAL_NAME.fullmatch(host):
            names.setdefault(host, plain)
        elif _is_somebody(host):
            addresses.setdefault((host, int(port)), f"a=candidate:{plain}")
    return tuple(addresses.values()), tuple(names.values())[:MAX_NAMES]


def _is_somebody(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A link-local address of IPv6 means nothing without the name of our own interface, which a peer cannot know.
    nowhere = address.is_unspecified or address.is_multicast or (address.version == 6 and address.is_link_local)
    return not nowhere and host != "255.255.255.255"

"""Pieces of SDP after the offer (RFC 8840, 9): addresses that a peer finds later, and credentials of ICE restarts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from avatar.errors import TrickleError
from avatar.stream.sdp.text import Lines, parse_sdp
from avatar.stream.sdp.transport import MAX_CANDIDATES, are_credentials, reachable

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
    passwords: frozenset[str] = frozenset()
    """The passwords of these users."""

    def new_credentials(self) -> tuple[str, str]:
        """Return the user and password of a restart. Raises TrickleError where there are none, or several."""
        if len(self.users) != 1 or len(self.passwords) != 1:
            raise TrickleError(
                "An ICE restart needs one a=ice-ufrag and one a=ice-pwd, the same in each section. A piece that only "
                "names addresses has the ice-ufrag of its ICE session, or none."
            )
        (user,), (password,) = self.users, self.passwords
        if not are_credentials(user, password):
            raise TrickleError("An ICE restart needs an a=ice-ufrag of 4 to 256 letters and an a=ice-pwd of 22 to 256.")
        return user, password


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
        frozenset(lines.values("ice-ufrag")),
        tuple(line.removeprefix("a=candidate:") for line in addresses),
        names,
        frozenset(lines.values("ice-pwd")),
    )


def write_fragment(answer_sdp: str, user: str, password: str, candidates: Iterable[str]) -> str:
    """Return the piece of SDP that tells a peer of our end of a new ICE session (RFC 9725, 4.3.3).

    Args:
        answer_sdp: the answer of the call; all that it says of other things goes on to hold.
        user, password: our new credentials.
        candidates: the values of our new addresses, complete.
    """
    answer = parse_sdp(answer_sdp)
    bundle = next(iter(answer.groups("BUNDLE")), ())
    leading = next(section for section in answer.sections if section.port and section.mid in (*bundle[:1], None))
    lines = [line for line in answer.session.lines if line.startswith(("a=ice-options:", "a=group:BUNDLE"))]
    lines.append(f"m={leading.kind} 9 {leading.profile} {' '.join(leading.formats)}")
    lines += [f"a=mid:{leading.mid}"] if leading.mid is not None else []
    lines += [f"a=ice-ufrag:{user}", f"a=ice-pwd:{password}"]
    lines += [f"a=candidate:{candidate}" for candidate in candidates]
    return "\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"

"""An offer written anew, in the one form that aiortc 1.16 takes and with nothing that it does not need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from avatar.errors import NoCommonCodecError
from avatar.stream.rtp.playout_delay import URI as PLAYOUT_DELAY
from avatar.stream.sdp.answer import NO_NAME
from avatar.stream.sdp.codecs import Formats, why_none
from avatar.stream.sdp.text import Section, SessionText
from avatar.stream.sdp.transport import Transport

DEFAULT_SCTP_PORT: Final = 5000
DEFAULT_MESSAGE_BYTES: Final = 65_536
"""The longest message of a peer that does not say what it takes (RFC 8841)."""

_MID_BYTES_ON_THE_WIRE: Final = 16
"""A header extension of the usual form is no longer (RFC 8285)."""
_MID_EXTENSION: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
_EXTENSION: Final = re.compile(r"([0-9]{1,2})(?:/(sendrecv|recvonly))? +(\S{1,256})(?: .*)?")
_SOURCE: Final = re.compile(r"([0-9]{1,10})(?: .*)?")
_REPAIR: Final = re.compile(r"FID +([0-9]{1,10}) +([0-9]{1,10})")


def rewrite_offer(
    text: SessionText, used: Mapping[Section, Formats], transport: Transport, leaders: Sequence[str]
) -> str:
    """Return an offer of the sections in use, all on one transport, which belongs to the first of `leaders`.

    Raises NoCommonCodecError.
    """
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    if text.session.has("ice-lite"):
        lines.append("a=ice-lite")
    lines.append(f"a=group:BUNDLE {' '.join(leaders)}")
    for section, formats in used.items():
        mid = section.mid or NO_NAME
        lines += formats.lines if section.kind == "application" else _media_lines(text, section, formats, mid)
        lines += [f"a=mid:{mid}", *transport.credentials]
        if mid == leaders[0]:
            lines += transport.candidates
    return "\r\n".join(lines) + "\r\n"


def data_formats(section: Section) -> Formats | None:
    """Return what a section of data channels can be used for; None where it is for something else."""
    longest = section.value("max-message-size") or ""
    size = int(longest) if re.fullmatch("[0-9]{1,9}", longest) else DEFAULT_MESSAGE_BYTES
    common = ("c=IN IP4 0.0.0.0", f"a=max-message-size:{size}")
    port = section.value("sctp-port") or str(DEFAULT_SCTP_PORT)
    if section.formats == ("webrtc-datachannel",):
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
            return None
        return Formats(("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *common, f"a=sctp-port:{port}"))
    # As browsers wrote it before RFC 8841.
    old = section.formats[0]
    if section.profile == "DTLS/SCTP" and len(section.formats) == 1 and re.fullmatch("[0-9]{1,5}", old):
        return Formats((f"m=application 9 DTLS/SCTP {old}", *common, f"a=sctpmap:{old} webrtc-datachannel 65535"))
    return None


def _media_lines(text: SessionText, section: Section, formats: Formats, mid: str) -> Iterator[str]:
    if not formats.numbers:
        raise NoCommonCodecError(why_none(section.kind, formats))
    yield f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, formats.numbers))}"
    yield "c=IN IP4 0.0.0.0"
    yield f"a={text.direction_of(section)}"
    yield "a=rtcp-mux"
    yield from _extensions(section, mid)
    yield from formats.lines
    yield from _sources(section)


def _extensions(section: Section, mid: str) -> Iterator[str]:
    """Yield the header extensions of the usual form (RFC 8285: identifiers 1 to 14).

    Of those that the peer only receives, the one that we send (Firefox's playout delay); see `complete_answer`.
    """
    seen: set[int] = set()
    for value in section.values("extmap"):
        found = _EXTENSION.fullmatch(value)
        if found is None or not 1 <= int(found[1]) <= 14 or int(found[1]) in seen:
            continue
        direction, uri = found[2], found[3]
        if direction == "recvonly" and uri != PLAYOUT_DELAY:
            continue
        if uri == _MID_EXTENSION and len(mid) > _MID_BYTES_ON_THE_WIRE:
            continue
        seen.add(int(found[1]))
        yield f"a=extmap:{int(found[1])} {uri}"


def _sources(section: Section) -> Iterator[str]:
    """Yield the first stream of a section and the one that repeats its lost packets: aiortc takes a second for that."""
    sources = [int(found[1]) for value in section.values("ssrc") if (found := _SOURCE.fullmatch(value)) is not None]
    repairs = (_REPAIR.fullmatch(value) for value in section.values("ssrc-group"))
    pair = next(([int(found[1]), int(found[2])] for found in repairs if found is not None), None)
    kept = [source for source in (pair or sources[:1]) if 0 < source < 2**32]
    if pair is not None and len(kept) == 2:
        yield f"a=ssrc-group:FID {kept[0]} {kept[1]}"
    for source in kept:
        yield f"a=ssrc:{source} cname:peer"

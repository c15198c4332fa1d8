"""Reading an SDP offer: what it asks for, and a plain sentence where it asks for what a call cannot give.

aiortc never sees a stranger's text. What an offer says is read here by the rules of SDP (what is unknown is ignored,
what is left out has its default), and written anew in the one form that aiortc 1.16 takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avatar.errors import OfferError
from avatar.stream.sdp.answer import NO_NAME, AnswerPlan, OfferedSection, SectionUse
from avatar.stream.sdp.codecs import TAKEN, Formats, media_formats
from avatar.stream.sdp.rewriting import data_formats, rewrite_offer
from avatar.stream.sdp.simulcast import Layer, offered_layer
from avatar.stream.sdp.text import Section, SessionText, parse_sdp
from avatar.stream.sdp.transport import read_transport

MAX_SECTIONS: Final = 32
"""Sections one offer may have; each is answered."""

_NOT_SDP: Final = "The offer is not valid SDP. Send what RTCPeerConnection.createOffer() returned."
_KINDS: Final = ("video", "audio", "application")
_NAMES: Final = {"video": "video", "audio": "audio", "application": "data"}
_PROFILE: Final = re.compile(r"(?:(?:UDP/TLS|TCP/DTLS|TCP/TLS)/)?RTP/S?AVPF?")
"""How video and sound may be carried; all of these mean DTLS-SRTP where there is a fingerprint (RFC 8829, 5.1.2)."""
_MID: Final = re.compile(r"[!#-'*+.\-0-9A-Z^-~]{1,64}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A valid offer."""

    sdp: str
    """As aiortc takes it: the sections that a call uses, and nothing else."""
    has_video: bool
    has_audio: bool
    local_names: tuple[str, ...]
    """Candidates whose address is a name in the local network; to be looked for while the call is being made."""
    ice_user: str
    """The peer's ICE user (ufrag): pieces of another one mean a restart."""
    mid: str
    """The section whose transport is everybody's."""
    plan: AnswerPlan
    """What the answer has to look like."""
    layer: Layer | None
    """The one that is taken of a camera that is offered in several sizes at once; None: it is not."""


def read_offer(sdp: str, *, limit_bytes: int) -> Offer:
    """Check an offer: at most one section of video, of sound and of data each, bundled, with ICE and DTLS.

    Sections that the peer has stopped (port 0), or in which nothing is to flow, count for nothing. Raises
    NoCommonCodecError, and OfferError, whose message says which rule the offer breaks.
    """
    if len(sdp.encode("utf-8", "replace")) > limit_bytes:
        raise OfferError(f"The offer is longer than {limit_bytes} bytes.")
    try:
        text = parse_sdp(sdp)
        if not text.sections:
            raise ValueError("nothing is offered")
        return _read(text)
    except ValueError as error:
        raise OfferError(_NOT_SDP) from error


def _read(text: SessionText) -> Offer:
    if len(text.sections) > MAX_SECTIONS:
        raise OfferError(f"The offer has more than {MAX_SECTIONS} sections.")
    formats = {section: found for section in text.sections if (found := _formats(section)) is not None}
    used = _used(text, formats)
    bundle = _bundle(text, used)
    uses = {section: _use(text, section, formats, used, bundle) for section in text.sections}
    # The leading section comes first; a peer says of the transport what it says there, or wherever it says anything.
    by_name = {section.mid: section for section in text.sections if section.mid is not None}
    shared = sorted((by_name[mid] for mid in bundle), key=lambda section: uses[section] == "refused") or used
    transport = read_transport(text.session, shared)
    media = [section for section in used if section.kind != "application" and not section.has("bundle-only")]
    if media and not any(section.has("rtcp-mux") or section.has("rtcp-mux-only") for section in media):
        raise OfferError("The offer does not multiplex RTP and RTCP (a=rtcp-mux).")
    leaders = [section.mid or NO_NAME for section in shared if section in used]
    kinds = {section.kind for section in used}
    return Offer(
        rewrite_offer(text, {section: formats[section] for section in used}, transport, leaders),
        has_video="video" in kinds,
        has_audio="audio" in kinds,
        ice_user=transport.user,
        local_names=transport.names,
        mid=leaders[0],
        plan=AnswerPlan(
            tuple(OfferedSection(one, uses[one], formats.get(one, Formats(()))) for one in text.sections),
            tuple(mid for mid in bundle if uses[by_name[mid]] != "refused"),
            transport.knows_ice2,
        ),
        layer=next((layer for section in used if section.kind == "video" and (layer := offered_layer(section))), None),
    )


def _formats(section: Section) -> Formats | None:
    """Return what an offered section can be used for; None where a call has no use for its kind."""
    if not _is_offered(section):
        return None
    if section.kind == "application":
        return data_formats(section)
    return media_formats(section) if section.kind in TAKEN else None


def _use(
    text: SessionText,
    section: Section,
    formats: Mapping[Section, Formats],
    used: Sequence[Section],
    bundle: Sequence[str],
) -> SectionUse:
    if section in used:
        return "used"
    idle = section.kind in TAKEN and _is_offered(section) and text.direction_of(section) == "inactive"
    return "idle" if idle and section.mid in bundle and formats[section].numbers else "refused"


def _is_offered(section: Section) -> bool:
    return section.port != 0 or section.has("bundle-only")


def _used(text: SessionText, formats: Mapping[Section, Formats]) -> list[Section]:
    """Return the sections that a call uses. Raises OfferError where it cannot be told which, or there are none."""
    by_kind: dict[str, list[Section]] = {kind: [] for kind in _KINDS}
    for section in text.sections:
        if not _is_offered(section):
            continue
        if section.kind not in by_kind:
            raise OfferError(
                f"The offer has a section of kind '{section.kind}'; a call has video, audio and data only."
            )
        if section.kind == "application":
            if section in formats:
                by_kind["application"].append(section)
        elif not _PROFILE.fullmatch(section.profile):
            raise OfferError(
                f"The offer's {section.kind} is carried by '{section.profile}'; a call's is by UDP/TLS/RTP/SAVPF."
            )
        elif text.direction_of(section) != "inactive":
            by_kind[section.kind].append(section)
    for kind, sections in by_kind.items():
        if len(sections) > 1:
            amount = "exactly one" if kind == "video" else "at most one"
            raise OfferError(f"The offer has more than one {_NAMES[kind]} section. A call has {amount}.")
    if not by_kind["video"] and not by_kind["audio"]:
        if any(section.kind == "video" and section.port for section in text.sections):
            raise OfferError("The offer's video is inactive: neither a camera nor an avatar could be seen.")
        raise OfferError("The offer has no video and no sound. A call needs a section: addTransceiver('video').")
    return [section for section in text.sections if section in by_kind.get(section.kind, ())]


def _bundle(text: SessionText, used: Sequence[Section]) -> tuple[str, ...]:
    """Return the names in the group that shares the transport, as far as they are names of sections."""
    mids = [section.mid for section in text.sections if section.mid is not None]
    lacking = len(used) > 1 and None in [section.mid for section in used]
    if len(set(mids)) != len(mids) or lacking or not all(map(_MID.fullmatch, mids)):
        raise OfferError("Each section of the offer needs a name of its own (a=mid).")
    wanted = {section.mid for section in used}
    for group in text.groups("BUNDLE"):
        if wanted.issubset(group):
            return tuple(mid for mid in dict.fromkeys(group) if mid in mids)
    if len(used) > 1:
        raise OfferError("The offer's sections are not bundled. Use one transport for all (a=group:BUNDLE).")
    return ()

"""Reading an SDP offer: what it asks for, and a plain sentence where it asks for what a call cannot give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiortc.sdp import MediaDescription, SessionDescription

from avatar.errors import OfferError

MAX_CANDIDATES: Final = 64
"""Addresses one offer may name: each is sent connectivity checks, so a long list would make us flood strangers."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A valid offer."""

    sdp: str
    has_audio: bool
    has_data_channel: bool


def read_offer(sdp: str, *, limit_bytes: int) -> Offer:
    """Check an offer: one video section, at most one of sound and one of data, bundled, with ICE and DTLS.

    Raises OfferError, whose message says which rule it breaks.
    """
    if len(sdp.encode("utf-8", "replace")) > limit_bytes:
        raise OfferError(f"The offer is longer than {limit_bytes} bytes.")
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # the parser meets strangers' text: it raises whatever that text makes it stumble over
        raise OfferError("The offer is not valid SDP. Send what RTCPeerConnection.createOffer() returned.") from error
    if not sdp.startswith("v=0") or not description.media:
        raise OfferError("The offer is not valid SDP. Send what RTCPeerConnection.createOffer() returned.")
    by_kind: dict[str, list[MediaDescription]] = {"video": [], "audio": [], "application": []}
    for media in description.media:
        if media.kind not in by_kind:
            raise OfferError(f"The offer has a section of kind '{media.kind}'; a call has video, audio and data only.")
        by_kind[media.kind].append(media)
    if not by_kind["video"]:
        raise OfferError("The offer has no video. A call needs one video section: addTransceiver('video').")
    if len(by_kind["video"]) > 1:
        raise OfferError("The offer has more than one video section. A call has exactly one.")
    if len(by_kind["audio"]) > 1:
        raise OfferError("The offer has more than one audio section. A call has at most one.")
    if len(by_kind["application"]) > 1:
        raise OfferError("The offer has more than one data section. A call has at most one.")
    _check_transport(description)
    if by_kind["video"][0].direction == "inactive":
        raise OfferError("The offer's video is inactive: neither a camera nor an avatar could be seen.")
    return Offer(sdp, bool(by_kind["audio"]), bool(by_kind["application"]))


def _check_transport(description: SessionDescription) -> None:
    bundled = {mid for group in description.group if group.semantic == "BUNDLE" for mid in group.items}
    mids = [media.rtp.muxId for media in description.media]
    if len(set(mids)) != len(mids) or "" in mids:
        raise OfferError("Each section of the offer needs a name of its own (a=mid).")
    if len(mids) > 1 and not bundled.issuperset(mids):
        raise OfferError("The offer's sections are not bundled. Use one transport for all (a=group:BUNDLE).")
    if sum(len(media.ice_candidates) for media in description.media) > MAX_CANDIDATES:
        raise OfferError(f"The offer names more than {MAX_CANDIDATES} network addresses.")
    for media in description.media:
        if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
            raise OfferError("The offer has no ICE credentials (a=ice-ufrag, a=ice-pwd).")
        if media.dtls is None or not media.dtls.fingerprints:
            raise OfferError("The offer has no DTLS fingerprint (a=fingerprint, a=setup).")
        if media.kind != "application" and not media.rtcp_mux:
            raise OfferError("The offer does not multiplex RTP and RTCP (a=rtcp-mux).")

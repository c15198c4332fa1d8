"""Tells the receiver of the picture to show each frame as soon as it is decoded.

Chromium holds pictures back until they can be shown evenly: some 10 ms on a quiet machine, a quarter of a second on a
busy one, where pictures come unevenly. libwebrtc's header extension `playout-delay` bounds that from the sender's side;
a page has no setting for it. Pictures that are shown at once do not wait for their sound, so whoever plays that is left
alone. Touches aiortc's private parts on one connection's own objects, as `aiortc_tuning` does;
`tests/stream/rtp/test_playout_delay.py` says which one has gone when aiortc changes.
"""

from __future__ import annotations

from typing import Final

from aiortc import RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap

from avatar.stream.sdp.text import parse_sdp
from avatar.stream.tuning.aiortc_tuning import private_name

URI: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
AT_ONCE: Final = bytes(3)
"""The least and the most that a frame may be held back, 12 bits each, in steps of 10 ms."""
AS_THE_RECEIVER_LIKES: Final = bytes([0, 0x0F, 0xFF])
ONE_BYTE_PROFILE: Final = 0xBEDE
"""RFC 8285, 4.2: elements with a header of one byte."""


class PlayoutDelay(HeaderExtensionsMap):
    """What each packet of the picture says about how long it may be held back; in aiortc's place for extensions."""

    def __init__(self, number: int) -> None:
        """Send it under the number (1 to 14) that the offer has given it."""
        super().__init__()
        self._number = number
        self._element = b""

    def show_at_once(self, at_once: bool) -> None:
        """Have the pictures that follow shown at once, or as the receiver likes, as it does until it is told."""
        if at_once or self._element:
            value = AT_ONCE if at_once else AS_THE_RECEIVER_LIKES
            self._element = bytes([self._number << 4 | len(value) - 1]) + value

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """Return a packet's extensions as bytes, and their profile."""
        profile, value = super().set(values)
        if not self._element or profile not in (0, ONE_BYTE_PROFILE):
            return profile, value
        # Four bytes, so that what follows stays aligned. Profile 0: there is no other element.
        return ONE_BYTE_PROFILE, self._element + value


def negotiate_playout_delay(transceiver: RTCRtpTransceiver, offer_sdp: str) -> PlayoutDelay | None:
    """Agree on the extension; call it between the offer and its answer. Returns None where the offer has it not."""
    number = _offered_number(offer_sdp)
    if number is None:
        return None
    delay, sender = PlayoutDelay(number), transceiver.sender
    setattr(sender, private_name(sender, "rtp_header_extensions_map"), delay)
    known = getattr(transceiver, private_name(transceiver, "headerExtensions"))
    known.append(RTCRtpHeaderExtensionParameters(id=number, uri=URI))
    return delay


def _offered_number(offer_sdp: str) -> int | None:
    for section in parse_sdp(offer_sdp).sections:
        for value in section.values("extmap") if section.kind == "video" else ():
            number, _, uri = value.partition(" ")
            if uri == URI:
                return int(number)
    return None

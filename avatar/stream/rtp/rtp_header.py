"""Reading the header of an ordinary RTP packet (RFC 3550, 5.1; RFC 8285, 4.2) in one go. No sockets, no objects."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

FIXED: Final = Struct("!BBHLL")
"""First byte, marker and payload type, sequence number, timestamp, SSRC."""
EXTENSION: Final = Struct("!HH")
"""Profile, length in words of four bytes."""
EXTENSION_BIT: Final = 0x10
PLAIN: Final = 0x80
"""The first byte of a packet of version 2 without padding and contributing sources; EXTENSION_BIT may be added."""
RTCP_TYPES: Final = range(64, 81)
"""What stands in place of the payload type in a packet of RTCP (RFC 5761, 4), without the marker."""
ONE_BYTE_PROFILE: Final = 0xBEDE
SEND_TIME_BYTES: Final = 3


@dataclass(slots=True)
class PlainPacket:
    """What ordering and decoding need of a packet; named as aiortc names it."""

    payload_type: int
    marker: int
    sequence_number: int
    timestamp: int
    ssrc: int
    _data: bytes
    """What it carries, without the codec's own header."""


def payload_offset(data: bytes) -> int | None:
    """Return where a plain packet's header ends; None for one that is not plain or is too short."""
    if len(data) < FIXED.size or data[0] & ~EXTENSION_BIT != PLAIN:
        return None
    if not data[0] & EXTENSION_BIT:
        return FIXED.size
    begin = FIXED.size + EXTENSION.size
    if len(data) < begin:
        return None
    profile, words = EXTENSION.unpack_from(data, FIXED.size)
    end: int = begin + 4 * words
    return end if profile == ONE_BYTE_PROFILE and end <= len(data) else None


def send_time(data: bytes, offset: int, number: int | None) -> int | None:
    """Return the extension `abs-send-time`, 24 bits, of a plain packet whose header ends at `offset`.

    `number` is what the offer has named it; None: not at all. Raises ValueError for elements that do not fit.
    """
    found, at = None, FIXED.size + EXTENSION.size
    while at < offset:
        head = data[at]
        at += 1
        if not head:  # padding
            continue
        length = (head & 0x0F) + 1
        if at + length > offset:
            raise ValueError("an element of the header does not fit")
        if head >> 4 == number:
            if length != SEND_TIME_BYTES:
                raise ValueError("the time a packet was sent at has three bytes")
            found = int.from_bytes(data[at : at + length], "big")
        at += length
    return found

"""Headers of ordinary packets are read as aiortc reads them; what is not ordinary is left to it."""

from __future__ import annotations

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from avatar.stream.rtp.rtp_header import FIXED, payload_offset, send_time

SEND_TIME = 3
URIS = {
    1: "urn:ietf:params:rtp-hdrext:sdes:mid",
    SEND_TIME: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    4: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
}


def extensions() -> HeaderExtensionsMap:
    made = HeaderExtensionsMap()
    made.configure(
        RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=i, uri=u) for i, u in URIS.items()])
    )
    return made


def packet(**extension: object) -> RtpPacket:
    made = RtpPacket(96, 1, 65_535, 4_000_000_000, 3_000_000_000, b"payload")
    for name, value in extension.items():
        setattr(made.extensions, name, value)
    return made


@pytest.mark.parametrize(
    "extension",
    [
        {},
        {"abs_send_time": 0x123456},
        {"mid": "0", "abs_send_time": 7},
        {"mid": "video", "audio_level": (False, 30), "abs_send_time": 0xFFFFFF},
        {"mid": "audio", "audio_level": (True, 127)},
    ],
)
def test_an_ordinary_packet_is_read_as_aiortc_reads_it(extension: dict[str, object]) -> None:
    data = packet(**extension).serialize(extensions())
    theirs = RtpPacket.parse(data, extensions())
    offset = payload_offset(data)
    assert offset is not None and data[offset:] == theirs.payload == b"payload"
    _, second, number, timestamp, ssrc = FIXED.unpack_from(data)
    assert (second & 0x7F, second >> 7) == (theirs.payload_type, theirs.marker)
    assert (number, timestamp, ssrc) == (theirs.sequence_number, theirs.timestamp, theirs.ssrc)
    assert send_time(data, offset, SEND_TIME) == theirs.extensions.abs_send_time
    assert send_time(data, offset, None) is None


def test_what_is_not_ordinary_is_left_alone() -> None:
    plain = packet(mid="0").serialize(extensions())
    padded, sources, two_bytes = packet(), packet(), packet(mid="a name of more than 16 letters")
    padded.padding_size = 4
    sources.csrc = [1]
    for data in (
        padded.serialize(),
        sources.serialize(),
        two_bytes.serialize(extensions()),
        bytes([0x40]) + plain[1:],  # another version
        plain[:11],
        plain[:14],  # no room for the extension's own header
        plain[:17],  # nor for its words
    ):
        assert payload_offset(data) is None


def test_an_element_that_does_not_fit_is_an_error_as_it_is_for_aiortc() -> None:
    for element in (bytes([SEND_TIME << 4 | 6]), bytes([SEND_TIME << 4 | 1, 0, 0])):
        data = bytes([0x90, 96]) + bytes(10) + bytes([0xBE, 0xDE, 0, 1]) + element.ljust(4, b"\x00") + b"payload"
        offset = payload_offset(data)
        assert offset == 20
        with pytest.raises(ValueError, match=r"fit|three"):
            send_time(data, offset, SEND_TIME)

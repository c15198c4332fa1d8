"""RTP packets with their times in a file of rtptools' `rtpdump` format, and the pictures that are in them.

The format: https://github.com/irtlab/rtptools/blob/master/rtpdump.h; Wireshark opens it too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket, is_rtcp
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

FIRST_LINE: Final = b"#!rtpplay1.0 127.0.0.1/0\n"
FILE_HEADER: Final = struct.Struct(">LLLHH")
"""Start in seconds and microseconds, source address, port, padding: all 0 here."""
PACKET_HEADER: Final = struct.Struct(">HHL")
"""Length with this header, length of the RTP packet, milliseconds since the start."""


@dataclass(frozen=True, slots=True)
class TimedPacket:
    """One RTP packet."""

    at_ms: int
    """Milliseconds since the start of the recording."""
    rtp: bytes


def write_rtp_dump(path: Path, packets: Iterable[TimedPacket]) -> None:
    """Write the packets."""
    with path.open("wb") as file:
        file.write(FIRST_LINE + FILE_HEADER.pack(0, 0, 0, 0, 0))
        for packet in packets:
            length = len(packet.rtp)
            file.write(PACKET_HEADER.pack(PACKET_HEADER.size + length, length, packet.at_ms) + packet.rtp)


def read_rtp_dump(path: Path) -> Iterator[TimedPacket]:
    """Yield the packets; the last one of a program that was ended may be cut off and is left out."""
    data = path.read_bytes()
    place = len(FIRST_LINE) + FILE_HEADER.size
    while place + PACKET_HEADER.size <= len(data):
        length, rtp_length, at_ms = PACKET_HEADER.unpack_from(data, place)
        begin = place + PACKET_HEADER.size
        if begin + rtp_length > len(data):
            return
        yield TimedPacket(at_ms, data[begin : begin + rtp_length])
        place += length


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """One picture of the video in a recording."""

    at_ms: int
    """When its last packet came."""
    width: int
    height: int


def decoded_pictures(packets: Iterable[TimedPacket], codec: str, payload_type: int) -> Iterator[DecodedPicture]:
    """Decode the video in the packets, and yield its whole pictures.

    A picture that lacks a packet is left out; packets are taken in their order on the wire.
    """
    parameters = RTCRtpCodecParameters(mimeType=f"video/{codec.upper()}", clockRate=90_000, payloadType=payload_type)
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext), f"{codec} is no codec of video"
    pieces: list[bytes] = []
    whole, due = True, None
    for packet in packets:
        if is_rtcp(packet.rtp):
            continue
        rtp = RtpPacket.parse(packet.rtp)
        if rtp.payload_type != payload_type or not rtp.payload:
            continue
        whole = whole and due in (None, rtp.sequence_number)
        due = (rtp.sequence_number + 1) & 0xFFFF
        pieces.append(depayload(parameters, rtp.payload))
        if rtp.marker:
            if whole and (picture := _decoded(decoder, b"".join(pieces))) is not None:
                yield DecodedPicture(packet.at_ms, picture.width, picture.height)
            pieces, whole = [], True


def _decoded(decoder: VideoCodecContext, encoded: bytes) -> av.VideoFrame | None:
    try:
        return next(iter(decoder.decode(av.Packet(encoded))), None)
    except FFmpegError:  # it depends on a picture that was left out
        return None

"""Pictures are spread and lost packets sent again through aiortc's private parts: each touch, and that it is there."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.rtp import RtpPacket

from avatar.stream.paced_sender import PacedSender

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed: "


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []

    async def _send_rtp(self, data: bytes) -> None:
        self.packets.append(RtpPacket.parse(data))


@pytest.fixture
async def sender() -> AsyncIterator[RTCRtpSender]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection.addTransceiver("video").sender
    await connection.close()


def paced(sender: RTCRtpSender, on_narrow: Callable[[float], None] = lambda _: None) -> tuple[PacedSender, Wire]:
    wire: Any = Wire()
    sender.setTransport(wire)
    made = PacedSender(sender, rate_bps=lambda: 1e9, round_trip_s=lambda: 0.1, on_narrow=on_narrow)
    made.attach()
    return made, wire


async def send(sender: RTCRtpSender, number: int, *, marker: int = 1) -> None:
    """Do with a packet what the sender's loop does."""
    packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=3000 * number, marker=marker)
    packet.ssrc, packet.payload = sender._ssrc, bytes(1200)
    sender._RTCRtpSender__rtp_history[number % 128] = packet
    await sender.transport._send_rtp(packet.serialize(sender._RTCRtpSender__rtp_header_extensions_map))


def test_the_sender_still_keeps_and_resends_packets_where_we_stand() -> None:
    run = inspect.getsource(RTCRtpSender._run_rtp)
    assert "self.__rtp_history[packet.sequence_number % RTP_HISTORY_SIZE] = (" in run, (
        CHANGED + "it keeps packets otherwise"
    )
    assert "await self.transport._send_rtp(packet_bytes)" in run, CHANGED + "it sends packets otherwise"
    handle = inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    assert "await self._retransmit(seq)" in handle, CHANGED + "it answers requests otherwise"


async def test_a_packet_asked_for_again_and_again_is_sent_once_in_a_round_trip(sender: RTCRtpSender) -> None:
    _, wire = paced(sender)
    for number in range(300):
        await send(sender, number)
    for _ in range(5):
        await sender._retransmit(20)
    assert [packet.sequence_number for packet in wire.packets[300:]] == [20], "older than aiortc remembers"


async def test_retransmission_has_numbers_of_its_own_where_it_was_agreed_on(sender: RTCRtpSender) -> None:
    _, wire = paced(sender)
    sender._RTCRtpSender__rtx_payload_type = 97
    for number in (1, 2):
        await send(sender, number)
    for number in (1, 2):
        await sender._retransmit(number)
    first, second = wire.packets[2:]
    assert (first.payload_type, first.ssrc) == (97, sender._rtx_ssrc)
    assert second.sequence_number == (first.sequence_number + 1) & 0xFFFF
    assert first.payload[:2] == b"\x00\x01"


async def test_where_most_is_lost_nothing_is_sent_again_and_we_are_told(sender: RTCRtpSender) -> None:
    narrow: list[float] = []
    _, wire = paced(sender, narrow.append)
    for number in range(40):
        await send(sender, number)
    for number in range(10, 40):
        await sender._retransmit(number)
    assert len(narrow) == 1
    assert len(wire.packets) < 40 + 30
    await sender._retransmit(39)
    assert len(narrow) == 1, "forgotten"


async def test_the_rest_of_a_picture_is_left_out_when_the_line_is_full(sender: RTCRtpSender) -> None:
    made, wire = paced(sender)
    await send(sender, 1, marker=0)
    assert made.make_room(), "a picture was broken off"
    await send(sender, 2, marker=0)
    await send(sender, 3)
    await send(sender, 4)
    assert [packet.sequence_number for packet in wire.packets] == [1, 4]
    assert not made.make_room(), "none is under way"
    assert made.wait_s() > 0

"""Pictures are spread, and lost packets sent again, as the line bears."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.rtp import RtpPacket

from avatar.stream.rtp.direct_sending import DirectSender
from avatar.stream.rtp.paced_sender import PacedSender

pytestmark = pytest.mark.anyio


class Wire:
    """Keeps what would leave by the socket, not protected."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []

    def send(self, data: bytes) -> None:
        self.packets.append(RtpPacket.parse(data))


@dataclass
class Sending:
    """A paced sender, and what it sends."""

    sender: RTCRtpSender
    direct: DirectSender
    paced: PacedSender
    wire: Wire

    async def picture(self, parts: int = 1) -> None:
        """Send a picture of so many packets."""
        await self.direct._send(96, 3000, [bytes(1200)] * parts)


@pytest.fixture
async def sender() -> AsyncIterator[RTCRtpSender]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection.addTransceiver("video").sender
    await connection.close()


def paced(
    sender: RTCRtpSender, on_narrow: Callable[[float | None], None] = lambda _: None, *, rate_bps: float = 1e9
) -> Sending:
    wire: Any = Wire()
    direct = DirectSender(sender, lambda _: ([], 0))
    direct._to_peer = lambda: wire
    direct._number = 0
    made = PacedSender(sender, direct, rate_bps=lambda: rate_bps, round_trip_s=lambda: 0.1, on_narrow=on_narrow)
    return Sending(sender, direct, made, wire)


def test_requests_still_reach_the_method_that_is_replaced() -> None:
    handle = inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    assert "await self._retransmit(seq)" in handle, "aiortc has changed: it answers requests otherwise"


async def test_a_packet_asked_for_again_and_again_is_sent_once_in_a_round_trip(sender: RTCRtpSender) -> None:
    sending = paced(sender)
    for _ in range(300):
        await sending.picture()
    for _ in range(5):
        await sender._retransmit(20)
    assert [packet.sequence_number for packet in sending.wire.packets[300:]] == [20], "older than aiortc remembers"


async def test_retransmission_has_numbers_of_its_own_where_it_was_agreed_on(sender: RTCRtpSender) -> None:
    sending = paced(sender)
    sender._RTCRtpSender__rtx_payload_type = 97
    for _ in range(3):
        await sending.picture()
    for number in (1, 2):
        await sender._retransmit(number)
    first, second = sending.wire.packets[3:]
    assert (first.payload_type, first.ssrc) == (97, sender._rtx_ssrc)
    assert second.sequence_number == (first.sequence_number + 1) & 0xFFFF
    assert first.payload[:2] == b"\x00\x01"


async def test_where_most_is_lost_nothing_is_sent_again_and_we_are_told(sender: RTCRtpSender) -> None:
    narrow: list[float | None] = []
    sending = paced(sender, narrow.append)
    for _ in range(40):
        await sending.picture()
    for number in range(10, 40):
        await sender._retransmit(number)
    assert len(narrow) == 1
    assert len(sending.wire.packets) < 40 + 30
    await sender._retransmit(39)
    assert len(narrow) == 1, "forgotten"


async def test_what_a_full_queue_had_no_room_for_is_not_sent_again_and_we_are_told(sender: RTCRtpSender) -> None:
    narrow: list[float | None] = []
    sending = paced(sender, narrow.append)
    for _ in range(10):
        await sending.picture()
    assert not sending.paced.make_room()
    for number in (8, 9):
        await sender._retransmit(number)
    assert narrow == [None] and len(sending.wire.packets) == 10


async def test_the_rest_of_a_picture_is_left_out_when_the_line_is_full(sender: RTCRtpSender) -> None:
    sending = paced(sender, rate_bps=1e5)  # after each packet the next waits for 80 ms
    picture = asyncio.create_task(sending.picture(parts=3))
    await asyncio.sleep(0)
    assert sending.paced.make_room(), "a picture was broken off"
    await picture
    await sending.picture()
    assert [packet.sequence_number for packet in sending.wire.packets] == [0, 3]
    assert not sending.paced.make_room(), "none is under way"
    assert sending.paced.wait_s() > 0

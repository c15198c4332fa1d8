"""What is sent directly is on the line as aiortc would have put it there, is counted, and can be asked for again."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import av
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from pylibsrtp import Policy, Session

from avatar.stream.rtp.direct_sending import DirectSender, send_time
from avatar.stream.rtp.playout_delay import PlayoutDelay
from avatar.stream.tuning.aiortc_tuning import ice_agents, private_name
from avatar.stream.tuning.transport_tuning import transports
from avatar.timing.rtp_clock import VIDEO_TIME_BASE

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/rtp/direct_sending.py relies on it: "
KEY = os.urandom(30)
RUN_LINES = 68
"""Of the method that is done again here."""
EXTENSIONS = [
    RTCRtpHeaderExtensionParameters(1, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    RTCRtpHeaderExtensionParameters(3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
]


def keys(direction: int) -> Session:
    policy = Policy(key=KEY, ssrc_type=direction)
    policy.allow_repeat_tx = True
    return Session(policy)


class Encoded(MediaStreamTrack):
    """A track of packets; an empty queue is its end."""

    kind = "video"

    def __init__(self, pictures: int) -> None:
        super().__init__()
        self.left = list(range(pictures))

    async def recv(self) -> av.Packet[Any]:
        await asyncio.sleep(0)
        if not self.left:
            raise MediaStreamError
        packet = av.Packet(b"%d" % self.left[0])
        packet.pts, packet.time_base = 3000 * self.left.pop(0), VIDEO_TIME_BASE
        return packet


class Sending:
    """A sender on a transport that seems connected; what reaches the socket is kept."""

    def __init__(self, pictures: int) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sender = self.connection.addTransceiver("video").sender
        self.track = Encoded(pictures)
        self.sender.replaceTrack(self.track)
        self.direct = DirectSender(self.sender, self._pack)
        self.wire: list[bytes] = []
        self.extensions = HeaderExtensionsMap()
        self._keys = keys(Policy.SSRC_ANY_INBOUND)
        (self.dtls,) = transports(self.connection)
        self.dtls._state = State.CONNECTED
        self.dtls._tx_srtp = keys(Policy.SSRC_ANY_OUTBOUND)
        socket = SimpleNamespace(sendto=lambda data, _: self.wire.append(data))
        pair = SimpleNamespace(protocol=SimpleNamespace(transport=socket), remote_addr=("192.0.2.1", 9))
        ice_agents(self.connection)[0]._nominated[1] = pair

    def _pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        return [bytes(packet) + b"-%d" % part for part in range(3)], packet.pts or 0

    async def run(self) -> list[RtpPacket]:
        """Send all the track has; return it as a receiver reads it."""
        parameters = RTCRtpSendParameters(
            codecs=[RTCRtpCodecParameters("video/VP8", 90_000, payloadType=96)],
            headerExtensions=EXTENSIONS,
            muxId="0",
            rtcp=RTCRtcpParameters(cname="x"),
        )
        self.extensions.configure(parameters)
        await self.sender.send(parameters)
        await self.sender._RTCRtpSender__rtp_exited.wait()
        return self.packets()

    def packets(self) -> list[RtpPacket]:
        read = [RtpPacket.parse(self._keys.unprotect(data), self.extensions) for data in self.wire]
        self.wire.clear()
        return read


@pytest.fixture
async def sending() -> AsyncIterator[Sending]:
    made = Sending(pictures=4)
    yield made
    made.dtls._state = State.NEW
    await made.connection.close()


async def test_packets_are_numbered_marked_timed_and_named(sending: Sending) -> None:
    packets = await sending.run()
    assert [packet.payload for packet in packets] == [b"%d-%d" % (n, part) for n in range(4) for part in range(3)]
    first = packets[0]
    assert [(p.sequence_number - first.sequence_number) & 0xFFFF for p in packets] == list(range(12))
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in packets] == [3000 * (n // 3) for n in range(12)]
    assert [p.marker for p in packets] == [0, 0, 1] * 4
    assert {(p.payload_type, p.ssrc, p.extensions.mid) for p in packets} == {(96, sending.sender._ssrc, "0")}
    times = [p.extensions.abs_send_time for p in packets]
    assert all(0 <= (after - before) & 0xFFFFFF < 1 << 18 for before, after in itertools.pairwise(times))


async def test_what_was_sent_is_counted_and_can_be_asked_for_again(sending: Sending) -> None:
    packets = await sending.run()
    report = await sending.sender.getStats()
    (sent,) = [entry for entry in report.values() if entry.type == "outbound-rtp"]
    assert (sent.packetsSent, sent.bytesSent) == (12, sum(len(packet.payload) for packet in packets))
    assert sending.sender._RTCRtpSender__rtp_timestamp == packets[-1].timestamp
    assert sending.dtls._get_stats()[sending.dtls._stats_id].packetsSent >= 12
    await sending.sender._retransmit(packets[5].sequence_number)
    await sending.sender._retransmit(packets[5].sequence_number - 100 & 0xFFFF)
    sending._keys = keys(Policy.SSRC_ANY_INBOUND)  # it has seen this number before
    (again,) = [packet for packet in sending.packets() if packet.ssrc == sending.sender._ssrc]
    assert (again.payload, again.timestamp, again.marker) == (b"1-2", packets[5].timestamp, 1)


async def test_the_extension_of_playout_delay_changes_with_the_next_picture(sending: Sending) -> None:
    delay = PlayoutDelay(5)
    sending.sender._RTCRtpSender__rtp_header_extensions_map = delay
    sizes = []
    for at_once in (None, True):
        if at_once is not None:
            delay.show_at_once(at_once)
        delay.configure(RTCRtpSendParameters(headerExtensions=EXTENSIONS))
        await sending.direct._send(96, 0, [b"x"])
        sending.extensions.configure(RTCRtpSendParameters(headerExtensions=EXTENSIONS))
        sizes.append(len(sending.wire[-1]))
        (packet,) = sending.packets()
        assert packet.extensions.abs_send_time > 0
    assert sizes[1] == sizes[0] + 4


async def test_without_a_connection_the_stream_ends_and_its_track_with_it(sending: Sending) -> None:
    sending.dtls._state = State.CLOSED
    assert await sending.run() == []
    assert sending.track.readyState == "ended"


def test_the_time_of_leaving_is_read_as_aiortc_reads_it() -> None:
    assert send_time(0.0) == (2_208_988_800 << 18) & 0xFFFFFF
    assert send_time(1.5) - send_time(0.0) in (3 << 17, (3 << 17) - (1 << 24))


async def test_every_private_part_is_where_it_was(sending: Sending) -> None:
    for owner, names in (
        (sending.sender, [*sending.direct._names, "run_rtp", "retransmit"]),
        (sending.dtls, ["state", "tx_srtp", "tx_packets", "tx_bytes"]),
        (sending.dtls.transport, ["connection"]),
        (ice_agents(sending.connection)[0], ["nominated"]),
    ):
        for name in names:
            private_name(owner, name)


def test_aiortc_still_does_what_is_done_here_in_its_place() -> None:
    """Each step of aiortc's that is done here, in its order; a new one, or one that has changed, may be missing."""
    steps = {
        RTCRtpSender.send: [
            "self.__mid = parameters.muxId",
            "self.__rtp_header_extensions_map.configure(parameters)",
            "self.__rtx_payload_type = codec.payloadType",
            "asyncio.ensure_future(self._run_rtp(parameters.codecs[0]))",
        ],
        RTCRtpSender._run_rtp: [
            "self.__rtp_started.set()",
            "sequence_number = random_sequence_number()",
            "timestamp_origin = random32()",
            "timestamp = uint32_add(timestamp_origin, enc_frame.timestamp)",
            "packet.marker = (i == len(enc_frame.payloads) - 1) and 1 or 0",
            "clock.current_ntp_time() >> 14",
            "packet.extensions.mid = self.__mid",
            "packet_bytes = packet.serialize(self.__rtp_header_extensions_map)",
            "self.__ntp_timestamp = clock.current_ntp_time()",
            "self.__rtp_timestamp = packet.timestamp",
            "self.__octet_count += len(payload)",
            "self.__packet_count += 1",
            "except (asyncio.CancelledError, ConnectionError, MediaStreamError):",
            "self.__track.stop()",
            "self.__encoder = None",
            "self.__rtp_exited.set()",
        ],
        RTCDtlsTransport._send_rtp: [
            "if self._state != State.CONNECTED:",
            "data = self._tx_srtp.protect(data)",
            "await self.transport._send(data)",
            "self.__tx_bytes += len(data)",
            "self.__tx_packets += 1",
        ],
    }
    for function, lines in steps.items():
        source, at = inspect.getsource(function), 0
        for line in lines:
            at = source.find(line, at)
            assert at >= 0, CHANGED + f"{function.__qualname__} no longer has '{line}' there"
    assert len(inspect.getsource(RTCRtpSender._run_rtp).splitlines()) == RUN_LINES, (
        CHANGED + "RTCRtpSender._run_rtp does more, or less"
    )

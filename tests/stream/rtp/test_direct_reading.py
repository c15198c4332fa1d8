"""What is read directly comes out as aiortc would bring it out, is counted as aiortc counts, and asks for the same."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import HeaderExtensionsMap, RtcpPsfbPacket, RtcpRtpfbPacket, RtpPacket
from pylibsrtp import Policy, Session

from avatar.config import TransportSettings
from avatar.stream.peer import Peer
from avatar.stream.rtp import direct_reading
from avatar.stream.rtp.direct_reading import DirectReading
from avatar.stream.sdp.offer import read_offer
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.receiver_tuning import take_encoded, tune_receiver
from avatar.stream.tuning.transport_tuning import transports
from avatar.types import CaptureStamp, Picture

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/rtp/direct_reading.py relies on it: "
KEY = os.urandom(30)
SSRC, VP8, RTX = 77, 96, 97
HANDLE_LINES = 97
"""Of the method that is done again here."""
SENT_AT = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"


def keys(direction: int) -> Session:
    policy = Policy(key=KEY, ssrc_type=direction)
    policy.window_size, policy.allow_repeat_tx = 1024, True
    return Session(policy)


class Receiving:
    """A receiver of VP8 on a transport of its own, which packets are put into."""

    def __init__(self, *, direct: bool) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.receiver = self.connection.addTransceiver("video").receiver
        self.receiver._track = RemoteStreamTrack("video")
        tune_receiver(self.receiver, clock=lambda: self.now_s)
        self.now_s = 0.0
        self.frames: list[tuple[int, bytes]] = []
        self.feedback: list[Any] = []
        take_encoded(self.receiver, lambda _, frame: self.frames.append((frame.timestamp, frame.data)))
        reading = DirectReading()
        if direct:
            reading.add(self.receiver)
        (self.dtls,) = transports(self.connection)
        self.dtls._rx_srtp = keys(Policy.SSRC_ANY_INBOUND)
        self._read = reading.of_transport(self.dtls)
        self.directly = 0
        self.receiver._send_rtcp = self._note
        self.receiver._set_rtcp_ssrc(1)

    async def start(self) -> None:
        video = [
            RTCRtpCodecParameters("video/VP8", 90_000, payloadType=VP8),
            RTCRtpCodecParameters("video/rtx", 90_000, payloadType=RTX, parameters={"apt": VP8}),
        ]
        extensions = [RTCRtpHeaderExtensionParameters(3, SENT_AT)]
        await self.receiver.receive(RTCRtpReceiveParameters(codecs=video, headerExtensions=extensions))

    async def put(self, packet: bytes) -> None:
        self.now_s += 0.005
        if self._read(packet):
            self.directly += 1
            await asyncio.sleep(0)
            return
        # As `RTCDtlsTransport._recv_next` goes on.
        await self.dtls._handle_rtp_data(self.dtls._rx_srtp.unprotect(packet), arrival_time_ms=0)

    async def close(self) -> None:
        await self.receiver.stop()
        await self.connection.close()

    async def _note(self, packet: Any) -> None:
        self.feedback.append(packet)


@pytest.fixture
async def both() -> AsyncIterator[tuple[Receiving, Receiving]]:
    ours, theirs = Receiving(direct=True), Receiving(direct=False)
    for one in (ours, theirs):
        await one.start()
    yield ours, theirs
    for one in (ours, theirs):
        await one.close()


def protected(pictures: int = 30, parts: int = 3) -> list[bytes]:
    """Packets of pictures in VP8 as they come over the line; the first is a key frame."""
    session, extensions = keys(Policy.SSRC_ANY_OUTBOUND), HeaderExtensionsMap()
    extensions.configure(RTCRtpReceiveParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(3, SENT_AT)]))
    made = []
    for index in range(pictures * parts):
        picture, part = divmod(index, parts)
        packet = RtpPacket(VP8, int(part == parts - 1), 65_500 + index & 0xFFFF, picture * 3000, SSRC)
        packet.payload = bytes([0x10 if part == 0 else 0x00, picture, part]) + bytes(40)
        packet.extensions.abs_send_time = index * 2900
        made.append(session.protect(packet.serialize(extensions)))
    return made


def said(feedback: list[Any]) -> list[object]:
    """What was asked of the sender: which packets, and key frames."""
    return [
        tuple(packet.lost) if isinstance(packet, RtcpRtpfbPacket) else packet.fmt
        for packet in feedback
        if isinstance(packet, (RtcpRtpfbPacket, RtcpPsfbPacket)) and packet.fmt != 15
    ]


async def test_loss_disorder_and_copies_come_out_as_they_do_of_aiortc(both: tuple[Receiving, Receiving]) -> None:
    ours, theirs = both
    packets = protected()
    for at, to in ((10, 14), (20, 21), (40, 37)):
        packets.insert(to, packets.pop(at))
    packets = [packet for index, packet in enumerate(packets) if index not in (25, 26, 50)]
    packets[60:60] = packets[58:60]  # copies
    packets.insert(30, packets[30][:-1] + bytes([packets[30][-1] ^ 1]))  # forged
    for packet in packets:
        for one in both:
            try:
                await one.put(packet)
            except Exception as error:
                assert one is theirs and type(error).__module__ == "pylibsrtp", error
    assert ours.directly == len(packets) - 1, "all but the first, by which aiortc learns the source"
    assert ours.frames == theirs.frames and len(ours.frames) > 20
    assert said(ours.feedback) == said(theirs.feedback) and said(ours.feedback)
    for part in ("packets_received", "packets_expected", "max_seq", "cycles"):
        counted = [getattr(one.receiver._RTCRtpReceiver__remote_streams[SSRC], part) for one in both]
        assert counted[0] == counted[1], part


async def test_the_bandwidth_is_estimated_from_packets_that_are_read_directly(
    both: tuple[Receiving, Receiving],
) -> None:
    ours, _ = both
    seen: list[dict[str, int]] = []
    estimator = ours.receiver._RTCRtpReceiver__remote_bitrate_estimator
    estimator.add = lambda **named: seen.append(named)
    for packet in protected(pictures=2):
        await ours.put(packet)
    assert [told["abs_send_time"] for told in seen] == [index * 2900 for index in range(6)]
    assert {told["payload_size"] for told in seen} == {43} and {told["ssrc"] for told in seen} == {SSRC}


async def test_in_a_call_nearly_all_packets_are_read_directly_and_counted(
    loopback: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bool] = []
    of_transport = DirectReading.of_transport

    def watched(reading: DirectReading, dtls: Any) -> direct_reading.ReadNow:
        read_now = of_transport(reading, dtls)

        def read_and_note(packet: bytes) -> bool:
            read.append(read_now(packet))
            return read[-1]

        return read_and_note

    monkeypatch.setattr(DirectReading, "of_transport", watched)
    seen: list[int] = []

    class Listener:
        def on_camera(self, frame: Any, capture: CaptureStamp, skipped: int) -> None:
            seen.append(frame.pts)
            peer.show(Picture(capture.arrival_s, frame.to_ndarray(), capture))

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    pool, listener = ThreadPoolExecutor(1), Listener()
    peer = Peer(TransportSettings(loopback_only=True), fps=30, encode_pool=pool)
    client = loopback.Client(audio=loopback.ToneTrack())
    await client.accept(await peer.answer(read_offer(await client.offer(), limit_bytes=64_000), listener, listener))
    await loopback.wait_for(lambda: len(seen) >= 30)
    assert sum(read) > 0.8 * len(read) > 50
    assert (await peer.stats()).packets_received >= sum(read)
    await client.close()
    await peer.close()
    pool.shutdown()


async def test_every_private_part_is_where_it_was(both: tuple[Receiving, Receiving]) -> None:
    extensions = both[0].dtls._rtp_header_extensions_map
    for owner, names in (
        (both[0].dtls, ["rtp_router", "rtp_header_extensions_map", "rx_srtp", "rx_packets", "rx_bytes"]),
        (extensions, ["ids"]),
        (
            both[0].receiver,
            [
                "codecs", "remote_streams", "remote_bitrate_estimator", "nack_generator", "jitter_buffer", "kind",
                "timestamp_mapper", "decoder_queue", "decoder_error", "decoder_thread", "send_rtcp_nack",
                "send_rtcp_pli", "send_rtcp", "rtcp_ssrc", "enabled",
            ],
        ),
    ):  # fmt: skip
        for name in names:
            private_name(owner, name)


def test_aiortc_still_does_with_a_packet_what_is_done_here_in_its_place() -> None:
    """Each step of aiortc's that is done here, in its order; a new one, or one that has changed, may be missing."""
    steps = {
        RTCDtlsTransport._recv_next: [
            "self.__rx_bytes += len(data)",
            "self.__rx_packets += 1",
            "first_byte > 127 and first_byte < 192 and self._rx_srtp",
            "arrival_time_ms = clock.current_ms()",
            "data = self._rx_srtp.unprotect(data)",
            "await self._handle_rtp_data(data, arrival_time_ms=arrival_time_ms)",
        ],
        RTCDtlsTransport._handle_rtp_data: [
            "packet = RtpPacket.parse(data, self._rtp_header_extensions_map)",
            "receiver = self._rtp_router.route_rtp(packet)",
            "await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)",
        ],
        RTCRtpReceiver._handle_rtp_packet: [
            "if not self._enabled:",
            "remb = self.__remote_bitrate_estimator.add(",
            "fci=pack_remb_fci(*remb)",
            "self.__active_ssrc[packet.ssrc] = clock.current_datetime()",
            "codec = self.__codecs.get(packet.payload_type)",
            "self.__remote_streams[packet.ssrc].add(packet)",
            "if is_rtx(codec):",
            "self.__nack_generator.add(packet)",
            "packet._data = depayload(codec, packet.payload)",
            "pli_flag, encoded_frame = self.__jitter_buffer.add(packet)",
            "self.__decoder_error.is_set()",
            "await self._send_rtcp_pli(packet.ssrc)",
            "if encoded_frame is not None and self.__decoder_thread:",
            "encoded_frame.timestamp = self.__timestamp_mapper.map(",
            "self.__decoder_queue.put((codec, encoded_frame))",
        ],
    }
    for function, lines in steps.items():
        source, at = inspect.getsource(function), 0
        for line in lines:
            at = source.find(line, at)
            assert at >= 0, CHANGED + f"{function.__qualname__} no longer has '{line}' there"
    assert len(inspect.getsource(RTCRtpReceiver._handle_rtp_packet).splitlines()) == HANDLE_LINES, (
        CHANGED + "RTCRtpReceiver._handle_rtp_packet does more, or less"
    )

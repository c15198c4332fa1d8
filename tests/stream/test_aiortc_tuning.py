"""The private parts of aiortc that the stream touches are there and do what they did; no class or module is changed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import aioice.ice
import aiortc.rtcrtpreceiver
import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack, TimestampMapper
from aiortc.rtp import RtcpPsfbPacket, RtpPacket, pack_remb_fci

from avatar.stream import aiortc_tuning as tuning
from avatar.stream.jitter_buffer import AudioJitterBuffer, EncodedFrame, VideoJitterBuffer
from avatar.stream.retransmission import RetransmissionRequests
from avatar.timing.rtp_clock import VIDEO_TIME_BASE

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/aiortc_tuning.py relies on it: "


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver("video")
    made.addTransceiver("audio")
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        ("receiver", ["timestamp_mapper", "decoder_error", "kind", "nack_generator", "jitter_buffer", "decoder_queue"]),
        ("sender", ["encoder", "send_keyframe", "rtp_timestamp"]),
        ("transceiver", ["codecs"]),
        ("connection", ["iceTransports", "connect"]),
        ("gatherer", ["connection"]),
        ("agent", ["get_component_candidates"]),
        ("track", ["queue"]),
        ("mapper", ["origin"]),
    ],
)
async def test_every_private_part_is_where_it_was(connection: RTCPeerConnection, pick: str, names: list[str]) -> None:
    transceiver = connection.getTransceivers()[0]
    gatherer = transceiver.receiver.transport.transport.iceGatherer
    owner = {
        "receiver": transceiver.receiver,
        "sender": transceiver.sender,
        "transceiver": transceiver,
        "connection": connection,
        "gatherer": gatherer,
        "agent": gatherer._connection,
        "track": RemoteStreamTrack("video"),
        "mapper": TimestampMapper(),
    }[pick]
    for name in names:
        tuning.private_name(owner, name)


async def test_a_part_that_has_gone_is_named_with_what_to_do() -> None:
    with pytest.raises(tuning.AiortcChangedError, match=r"no longer has 'teleport'.*pinned"):
        tuning.private_name(TimestampMapper(), "teleport")


def test_the_receiver_still_uses_the_parts_as_it_did() -> None:
    """The replaced parts are used by these lines of aiortc; where one goes, ours would silently do nothing."""
    handle = inspect.getsource(RTCRtpReceiver._handle_rtp_packet)
    for line in (
        "self.__nack_generator.add(packet)",
        "sorted(self.__nack_generator.missing)",
        "pli_flag, encoded_frame = self.__jitter_buffer.add(packet)",
        "packet._data = depayload(codec, packet.payload)",
        "encoded_frame.timestamp = self.__timestamp_mapper.map(",
        "self.__decoder_queue.put((codec, encoded_frame))",
        "self.__decoder_error.is_set()",
    ):
        assert line in handle, CHANGED + f"RTCRtpReceiver._handle_rtp_packet no longer has '{line}'"
    receive = inspect.getsource(RTCRtpReceiver.receive)
    assert "self.__decoder_queue," in receive, CHANGED + "the decoder thread's queue is chosen elsewhere"
    assert "input_q.get()" in inspect.getsource(aiortc.rtcrtpreceiver.decoder_worker), CHANGED + "decoder_worker"


def test_the_sender_still_uses_the_parts_as_it_did() -> None:
    next_frame = inspect.getsource(RTCRtpSender._next_encoded_frame)
    for line in ("if self.__encoder is None:", "payloads, timestamp = self.__encoder.pack(data)"):
        assert line in next_frame, CHANGED + f"RTCRtpSender._next_encoded_frame no longer has '{line}'"
    feedback = inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    for line in ("self._send_keyframe()", "self.__encoder.target_bitrate = bitrate"):
        assert line in feedback, CHANGED + f"RTCRtpSender._handle_rtcp_packet no longer has '{line}'"
    run = inspect.getsource(RTCRtpSender._run_rtp)
    assert "self.__rtp_timestamp = packet.timestamp" in run, CHANGED + "the sent timestamp is kept elsewhere"


def test_the_connection_still_connects_in_a_task_of_its_own() -> None:
    source = inspect.getsource(RTCPeerConnection.setRemoteDescription)
    assert "asyncio.ensure_future(self.__connect())" in source, CHANGED + "it connects another way"


def test_the_ice_agent_still_hands_its_addresses_to_the_method_that_is_replaced() -> None:
    gather = inspect.getsource(aioice.ice.Connection.gather_candidates)
    call = "self.get_component_candidates(component=component, addresses=addresses)"
    assert call in gather, CHANGED + "aioice gathers candidates another way"


async def test_a_tuned_receiver_has_our_parts_and_an_untuned_one_keeps_its_own(connection: RTCPeerConnection) -> None:
    video, audio = connection.getReceivers()
    tuning.tune_receiver(video)
    assert isinstance(video._RTCRtpReceiver__jitter_buffer, VideoJitterBuffer)
    assert isinstance(video._RTCRtpReceiver__nack_generator, RetransmissionRequests)
    assert not isinstance(audio._RTCRtpReceiver__jitter_buffer, AudioJitterBuffer)
    tuning.tune_receiver(audio)
    assert isinstance(audio._RTCRtpReceiver__jitter_buffer, AudioJitterBuffer)
    assert audio._RTCRtpReceiver__nack_generator is None
    untouched = RTCRtpReceiver("video", video.transport)
    assert type(untouched._RTCRtpReceiver__jitter_buffer).__module__ == "aiortc.jitterbuffer"


async def test_one_packet_that_completes_three_pictures_sends_three_to_the_decoder(
    connection: RTCPeerConnection,
) -> None:
    receiver = connection.getReceivers()[0]
    tap = tuning.tune_receiver(receiver, clock=lambda: 7.0)
    buffer, frames = receiver._RTCRtpReceiver__jitter_buffer, receiver._RTCRtpReceiver__decoder_queue
    mapper = receiver._RTCRtpReceiver__timestamp_mapper
    released = []
    for sequence, timestamp in ((1, 5000), (3, 11000), (4, 14000), (2, 8000)):
        packet = RtpPacket(sequence_number=sequence, timestamp=timestamp, marker=1)
        packet._data = b"x"
        _, frame = buffer.add(packet)
        if frame is not None:
            frame.timestamp = mapper.map(frame.timestamp)
            frames.put(("codec", frame))
    while not frames.empty():
        released.append(frames.get_nowait()[1].timestamp)
    assert released == [0, 3000, 6000, 9000]
    assert tap.arrival_s(6000) == 7.0
    assert tap.wire_timestamp(6000) == 11000


async def test_a_decoder_that_cannot_keep_up_loses_old_pictures_and_asks_for_a_key_frame(
    connection: RTCPeerConnection,
) -> None:
    receiver = connection.getReceivers()[0]
    tuning.tune_receiver(receiver)
    frames = receiver._RTCRtpReceiver__decoder_queue
    for index in range(500):
        frames.put(("codec", EncodedFrame(b"x", index, 0.0)))
        assert frames.qsize() <= tuning.VIDEO_DECODER_QUEUE
    assert receiver._RTCRtpReceiver__decoder_error.is_set()


async def test_a_frame_that_must_not_be_decoded_never_reaches_the_decoder(connection: RTCPeerConnection) -> None:
    receiver = connection.getReceivers()[0]
    asked: list[tuple[str, bytes]] = []
    tuning.tune_receiver(receiver, may_decode=lambda kind, frame: asked.append((kind, frame)) or frame != b"large")
    frames = receiver._RTCRtpReceiver__decoder_queue
    codec = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000)
    for data in (b"small", b"large", b"small"):
        frames.put((codec, EncodedFrame(data, 0, 0.0)))
    assert asked == [("video/VP8", b"small"), ("video/VP8", b"large"), ("video/VP8", b"small")]
    assert [frames.get_nowait()[1].data for _ in range(frames.qsize())] == [b"small", b"small"]


async def test_estimates_and_key_frame_requests_reach_us(connection: RTCPeerConnection) -> None:
    sender = connection.getSenders()[0]
    estimates: list[int] = []
    requests: list[bool] = []
    tuning.tune_video_sender(
        sender, "h264", on_estimate=estimates.append, on_key_frame_request=lambda: requests.append(True)
    )
    fci = pack_remb_fci(800_000, [sender._ssrc])
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=fci))
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc))
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=4, ssrc=1, media_ssrc=sender._ssrc))
    assert estimates == [pytest.approx(800_000, rel=0.01)]
    assert requests == [True, True]


@pytest.mark.parametrize("packetiser", [H264Encoder, Vp8Encoder])
def test_packets_of_our_encoder_are_packetised_by_aiortc(packetiser: type) -> None:
    packet = av.Packet(b"\x00\x00\x00\x01\x65" + bytes(4000))
    packet.pts, packet.time_base = 4500, VIDEO_TIME_BASE
    payloads, timestamp = packetiser().pack(packet)
    assert timestamp == 4500
    assert len(payloads) >= 4
    assert max(map(len, payloads)) <= 1300


async def test_a_received_track_is_drained_to_its_newest_picture_but_not_past_its_end() -> None:
    track = RemoteStreamTrack("video")
    first, *others = (av.VideoFrame(16, 16) for _ in range(4))
    for frame in others:
        track._queue.put_nowait(frame)
    track._queue.put_nowait(None)
    assert tuning.newest_frame(track, first) == (others[-1], 3)
    with pytest.raises(aiortc.mediastreams.MediaStreamError):
        await track.recv()


async def test_only_the_connection_that_asks_for_it_is_kept_to_the_loopback_interface() -> None:
    ours, other = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    addresses_before = aioice.ice.get_host_addresses
    try:
        for connection in (ours, other):
            connection.createDataChannel("x")
        tuning.gather_loopback_only(ours)
        for connection in (ours, other):
            await connection.setLocalDescription(await connection.createOffer())
        assert candidates(ours) == {"127.0.0.1"}
        assert "127.0.0.1" not in candidates(other)
        assert aioice.ice.get_host_addresses is addresses_before
    finally:
        await asyncio.gather(ours.close(), other.close())


async def test_a_connection_that_asks_for_it_offers_the_loopback_address_too() -> None:
    ours = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        ours.createDataChannel("x")
        tuning.gather_loopback_too(ours)
        await ours.setLocalDescription(await ours.createOffer())
        assert candidates(ours) == {"127.0.0.1", *aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True)}
    finally:
        await ours.close()


def candidates(connection: RTCPeerConnection) -> set[str]:
    lines = connection.localDescription.sdp.splitlines()
    return {line.split()[4] for line in lines if line.startswith("a=candidate")}

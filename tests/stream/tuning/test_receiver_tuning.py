"""aiortc's receivers use the parts that they are given as they used their own; an untuned one keeps its own."""

from __future__ import annotations

import inspect

import aiortc.rtcrtpreceiver
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import TimestampMapper
from aiortc.rtp import RtpPacket

from avatar.stream.rtp.jitter_buffer import AudioJitterBuffer, EncodedFrame, VideoJitterBuffer
from avatar.stream.rtp.retransmission import RetransmissionRequests
from avatar.stream.tuning import receiver_tuning as tuning
from avatar.stream.tuning.aiortc_tuning import private_name

pytestmark = pytest.mark.anyio

CHANGED = "aiortc has changed, and avatar/stream/tuning/receiver_tuning.py relies on it: "


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        ("receiver", ["timestamp_mapper", "decoder_error", "kind", "nack_generator", "jitter_buffer", "decoder_queue"]),
        ("mapper", ["origin"]),
    ],
)
async def test_every_private_part_is_where_it_was(connection: RTCPeerConnection, pick: str, names: list[str]) -> None:
    transceiver = connection.getTransceivers()[0]
    owner = {
        "receiver": transceiver.receiver,
        "mapper": TimestampMapper(),
    }[pick]
    for name in names:
        private_name(owner, name)


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

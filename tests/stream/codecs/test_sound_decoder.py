"""What a peer says is heard in full and in order, whatever a packet of it is like."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from avatar.stream.codecs import sound_decoder
from avatar.stream.codecs.audio_framing import BLOCK
from avatar.stream.codecs.received_opus import received_payload
from avatar.stream.codecs.sound_decoder import STALE_S, SoundDecoder
from avatar.stream.rtp.jitter_buffer import EncodedFrame
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.receiver_tuning import take_encoded, tune_receiver
from avatar.timing.rtp_clock import AUDIO_RATE, AUDIO_TIME_BASE

pytestmark = pytest.mark.anyio

OPUS = RTCRtpCodecParameters("audio/opus", clockRate=AUDIO_RATE, channels=2, payloadType=111)
NOW_S = 100.0


@pytest.fixture
async def receiver() -> AsyncIterator[RTCRtpReceiver]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("audio").receiver
    receiver._track = RemoteStreamTrack("audio")
    tune_receiver(receiver)
    yield receiver
    await connection.close()


def opus_packets(count: int) -> list[EncodedFrame]:
    encoder, packets = OpusEncoder(), []
    for number in range(count):
        frame = av.AudioFrame.from_ndarray(np.full((1, 2 * BLOCK), 1000, np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = AUDIO_RATE, AUDIO_TIME_BASE, number * BLOCK
        payloads, _ = encoder.encode(frame)
        packets += [EncodedFrame(payload, number * BLOCK, NOW_S) for payload in payloads]
    return packets


async def put(receiver: RTCRtpReceiver, packets: list[EncodedFrame]) -> None:
    frames = getattr(receiver, private_name(receiver, "decoder_queue"))
    for packet in packets:
        frames.put((OPUS, packet))
    await asyncio.sleep(0.01)


async def test_sound_is_decoded_as_it_comes_and_without_another_thread(receiver: RTCRtpReceiver) -> None:
    heard: list[tuple[int | None, float, str]] = []
    SoundDecoder(
        receiver,
        lambda frame, at_s: heard.append((frame.pts, at_s, threading.current_thread().name)),
        pytest.fail,
        clock=lambda: NOW_S,
    )
    packets = opus_packets(5)
    await put(receiver, packets)
    assert heard == [(packet.timestamp, NOW_S, "MainThread") for packet in packets]


async def test_sound_keeps_the_packet_that_it_came_in(receiver: RTCRtpReceiver) -> None:
    kept: list[bytes | None] = []
    SoundDecoder(receiver, lambda frame, _: kept.append(received_payload(frame)), pytest.fail, clock=lambda: NOW_S)
    packets = opus_packets(3)
    await put(receiver, packets)
    assert kept == [packet.data for packet in packets]


async def test_sound_that_has_waited_too_long_is_passed_over(receiver: RTCRtpReceiver) -> None:
    heard: list[float] = []
    passed_over: list[None] = []
    now_s = [NOW_S + STALE_S + 0.1]
    SoundDecoder(receiver, lambda _, at_s: heard.append(at_s), lambda: passed_over.append(None), clock=lambda: now_s[0])
    late, *others = opus_packets(3)
    await put(receiver, [late])
    now_s[0] = NOW_S
    await put(receiver, others)
    assert len(passed_over) == 1 and len(heard) == 2


async def test_a_packet_that_cannot_be_decoded_costs_that_packet(
    receiver: RTCRtpReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class FailsAtTheFirstTwo:
        def __init__(self) -> None:
            self.seen = 0

        def decode(self, packet: EncodedFrame) -> list[Any]:
            self.seen += 1
            if self.seen < 3:
                raise av.FFmpegError(1, "damaged")
            return [packet]

    monkeypatch.setattr(sound_decoder, "get_decoder", lambda _: FailsAtTheFirstTwo())
    heard: list[Any] = []
    SoundDecoder(receiver, lambda frame, _: heard.append(frame), pytest.fail, clock=lambda: NOW_S)
    packets = [EncodedFrame(b"x", at, NOW_S) for at in range(4)]
    await put(receiver, packets)
    assert heard == packets[2:] and len(caplog.records) == 1, "told once"


async def test_nothing_is_heard_of_a_call_that_is_over(receiver: RTCRtpReceiver) -> None:
    heard: list[Any] = []
    SoundDecoder(receiver, lambda frame, _: heard.append(frame), pytest.fail, clock=lambda: NOW_S)
    receiver.track.stop()
    await put(receiver, opus_packets(2))
    assert not heard


async def test_frames_can_be_taken_from_a_tuned_receiver_only(receiver: RTCRtpReceiver) -> None:
    with pytest.raises(ValueError, match="tuned"):
        take_encoded(RTCRtpReceiver("audio", receiver.transport), lambda codec, frame: None)

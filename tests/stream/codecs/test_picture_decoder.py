"""A camera's newest picture is handed on, whatever one of them is like, and nothing piles up or stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from fractions import Fraction
from types import ModuleType
from typing import Any

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from avatar.stream.codecs.picture_decoder import MOST_WAITING, PictureDecoder
from avatar.stream.rtp.jitter_buffer import EncodedFrame
from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.receiver_tuning import tune_receiver
from avatar.types import CaptureStamp

pytestmark = pytest.mark.anyio

H264 = RTCRtpCodecParameters("video/H264", clockRate=90_000, payloadType=102)


class Camera:
    """A receiver of pictures with a decoder, and what came of them."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.receiver: RTCRtpReceiver = self.connection.addTransceiver("video").receiver
        self.receiver._track = RemoteStreamTrack("video")
        tap = tune_receiver(self.receiver)
        self.seen: list[tuple[int | None, float, int]] = []
        self.threads: set[str] = set()
        self.decoder = PictureDecoder(self.receiver, tap, self._note)
        self.frames: Any = getattr(self.receiver, private_name(self.receiver, "decoder_queue"))

    @property
    def wants_a_key_frame(self) -> bool:
        return bool(getattr(self.receiver, private_name(self.receiver, "decoder_error")).is_set())

    def put(self, *encoded: EncodedFrame) -> None:
        for frame in encoded:
            self.frames.put((H264, frame))

    def _note(self, frame: av.VideoFrame, capture: CaptureStamp, skipped: int) -> None:
        self.seen.append((frame.pts, capture.arrival_s, skipped))
        self.threads.add(threading.current_thread().name)


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    made = Camera()
    yield made
    made.frames.put(None)
    await made.connection.close()


def pictures(count: int) -> list[EncodedFrame]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width = encoder.height = 64
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 30)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    made = []
    for index in range(count):
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = index
        made += [EncodedFrame(bytes(packet), 3000 * index, 7.0 + index) for packet in encoder.encode(frame)]
    return made


async def test_pictures_are_handed_on_with_the_time_they_came_at(camera: Camera, loopback: ModuleType) -> None:
    for frame in pictures(5):
        camera.put(frame)
        await loopback.wait_for(lambda frame=frame: camera.seen and camera.seen[-1][0] == frame.timestamp)
    assert camera.seen == [(3000 * index, 7.0 + index, 0) for index in range(5)]
    assert camera.threads == {"MainThread"}


async def test_while_the_event_loop_is_busy_older_pictures_are_passed_over_and_counted(
    camera: Camera, loopback: ModuleType
) -> None:
    encoded = pictures(8)
    camera.put(*encoded)
    while camera.decoder.waiting:  # without a turn for the loop
        pass
    await loopback.wait_for(lambda: camera.seen and camera.seen[-1][0] == encoded[-1].timestamp)
    assert sum(1 + skipped for _, _, skipped in camera.seen) == 8
    assert len(camera.seen) <= 2, "the last may have been at work"


async def test_one_that_cannot_be_decoded_is_left_out_and_a_key_frame_asked_for(
    camera: Camera, loopback: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = pictures(3)
    camera.put(first, EncodedFrame(b"no picture", 1, 0.0), EncodedFrame(b"nor this", 2, 0.0), second, third)
    await loopback.wait_for(lambda: camera.seen and camera.seen[-1][0] == third.timestamp)
    assert camera.wants_a_key_frame
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


async def test_when_too_many_wait_all_are_given_up_and_a_key_frame_asked_for(camera: Camera) -> None:
    held = threading.Event()
    camera.decoder._run = held.wait  # type: ignore[method-assign, assignment] - as if decoding took for ever
    for frame in pictures(MOST_WAITING + 5):
        camera.put(frame)
        assert camera.decoder.waiting <= MOST_WAITING
    assert camera.wants_a_key_frame
    assert camera.decoder.waiting == 5
    held.set()


async def test_nothing_is_told_once_the_track_has_stopped_and_no_thread_stays(
    camera: Camera, loopback: ModuleType
) -> None:
    before = set(threading.enumerate())
    encoded = pictures(3)
    camera.put(encoded[0])
    await loopback.wait_for(lambda: len(camera.seen) == 1)
    camera.receiver.track.stop()
    camera.put(*encoded[1:])
    camera.frames.put(None)
    await asyncio.sleep(0)
    assert len(camera.seen) == 1
    assert set(threading.enumerate()) <= before

"""What a call sends of its sound: all of it, in step with the pictures, whatever happens to frames and machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest
from aiortc.codecs import get_decoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.audio_track import QUEUE_LIMIT, AvatarAudioTrack
from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.audio_framing import BLOCK
from avatar.timing.av_sync import LATE_S
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from avatar.timing.rtp_clock import AUDIO_TIME_BASE as TIME_BASE

pytestmark = pytest.mark.anyio

OPUS = RTCRtpCodecParameters("audio/opus", clockRate=RATE, channels=2, payloadType=111)
TELEPHONE = [
    RTCRtpCodecParameters("audio/PCMU", clockRate=8_000, channels=1, payloadType=0),
    RTCRtpCodecParameters("audio/PCMA", clockRate=8_000, channels=1, payloadType=8),
    RTCRtpCodecParameters("audio/G722", clockRate=8_000, channels=1, payloadType=9),
]


def tone(samples: int, pts: int) -> av.AudioFrame:
    """Return a frame of a 440 Hz tone of amplitude 8000 that goes on from frame to frame."""
    mono = (8_000 * np.sin(2 * np.pi * 440 * (pts + np.arange(samples)) / RATE)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(mono, 2)[None], format="s16", layout="stereo")
    frame.sample_rate, frame.time_base, frame.pts = RATE, TIME_BASE, pts
    return frame


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Sent:
    """A track under a clock that the test moves."""

    clock: Clock
    pool: ThreadPoolExecutor
    delays_s: list[float] = field(default_factory=list)

    def track(self, codec: RTCRtpCodecParameters = OPUS) -> AvatarAudioTrack:
        return AvatarAudioTrack(
            AudioEncoder(codec),
            pool=self.pool,
            on_sent=lambda _, delay_s: self.delays_s.append(delay_s),
            clock=self.clock,
        )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    clock, pool = Clock(), ThreadPoolExecutor(1)
    sleep = asyncio.sleep

    async def moved(seconds: float) -> None:
        clock.now_s += seconds
        await sleep(0)

    monkeypatch.setattr("avatar.stream.audio_track.asyncio.sleep", moved)
    yield Sent(clock, pool)
    pool.shutdown()


async def take(track: AvatarAudioTrack, count: int) -> list[av.Packet[Any]]:
    return [await track.recv() for _ in range(count)]


def heard(packets: list[av.Packet[Any]], codec: RTCRtpCodecParameters = OPUS) -> np.ndarray:
    """Decode as an aiortc receiver does; return the samples of one channel."""
    decoder = get_decoder(codec)
    frames = [f for p in packets for f in decoder.decode(JitterFrame(data=bytes(p), timestamp=p.pts or 0))]
    channels = len(frames[0].layout.channels)
    return np.concatenate([frame.to_ndarray()[0, ::channels] for frame in frames]).astype(np.float64)


def share_of_tone(samples: np.ndarray, rate: int) -> float:
    """How much of the sound's power the tone of 440 Hz has."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / rate) - 440) < 15
    return float(spectrum[near].sum() / spectrum.sum())


@pytest.mark.parametrize("length_ms", [10, 20, 30, 40, 60, 100, 120, 400])
async def test_frames_of_any_length_are_heard_whole(sent: Sent, length_ms: int) -> None:
    """aiortc by itself sends half of frames of 40 ms, and nothing of 100."""
    track, samples, begin_s = sent.track(), RATE * length_ms // 1000, sent.clock.now_s
    packets: list[av.Packet[Any]] = []
    for number in range(1200 // length_ms):
        sent.clock.now_s = max(sent.clock.now_s, begin_s + number * length_ms / 1e3)
        track.push(tone(samples, number * samples), sent.clock.now_s, 0.05)
        packets += await take(track, (number + 1) * samples // BLOCK - len(packets))
    assert [packet.pts for packet in packets] == [BLOCK * number for number in range(len(packets))]
    sound = heard(packets)
    assert len(sound) >= 1.19 * RATE
    steady = sound[RATE // 10 :]
    assert share_of_tone(steady, RATE) > 0.99
    assert np.sqrt(np.mean(steady**2)) == pytest.approx(8_000 / np.sqrt(2), rel=0.1)
    assert track.dropped == 0
    assert min(sent.delays_s) >= 0.05 - 1e-6


@pytest.mark.parametrize("codec", TELEPHONE, ids=lambda codec: codec.mimeType)
async def test_a_telephone_hears_it_whole_too(sent: Sent, codec: RTCRtpCodecParameters) -> None:
    track, packets = sent.track(codec), []
    for number in range(10):
        track.push(tone(4_800, number * 4_800), sent.clock.now_s, 0.0)
        packets += await take(track, 4)
        sent.clock.now_s += 0.1
    assert len({packet.pts for packet in packets}) == len(packets)
    assert share_of_tone(heard(packets, codec)[1_000:], 16_000 if codec.name == "G722" else 8_000) > 0.98


async def test_a_machine_that_is_too_slow_loses_sound_and_does_not_trail(sent: Sent) -> None:
    """Each packet takes 50 ms to get out; before, the queue stayed full and sound trailed by over a second."""
    track, pushed = sent.track(), 0
    begin_s = sent.clock.now_s
    for _ in range(200):
        while begin_s + pushed * 0.02 <= sent.clock.now_s:
            track.push(tone(BLOCK, pushed * BLOCK), begin_s + pushed * 0.02, 0.0)
            pushed += 1
        await track.recv()
        sent.clock.now_s += 0.05
    assert max(sent.delays_s) <= LATE_S + 0.1
    assert track.dropped > 100


async def test_a_stall_is_made_up_at_once_and_all_that_is_due_is_encoded_together(sent: Sent) -> None:
    track, encoded = sent.track(), []
    encode = track._encoder.encode
    track._encoder.encode = lambda blocks: encoded.append(len(blocks)) or encode(blocks)  # type: ignore
    for number in range(10):
        track.push(tone(BLOCK, number * BLOCK), sent.clock.now_s + number * 0.02, 0.0)
    sent.clock.now_s += 0.12
    packets = await take(track, 7)
    assert encoded == [7], "one way to the pool and back"
    assert track.dropped == 0 and [packet.pts for packet in packets] == [BLOCK * number for number in range(7)]
    sent.clock.now_s += 1.0
    await track.recv()
    assert track.dropped == 2, "after a second away the newest is heard"


async def test_what_waits_is_bounded(sent: Sent) -> None:
    track = sent.track()
    track.push(tone(100 * BLOCK, 0), sent.clock.now_s, 1.0)
    assert track.dropped == 100 - QUEUE_LIMIT


async def test_a_stopped_track_ends_whoever_waits(sent: Sent) -> None:
    track = sent.track()
    waiting = asyncio.ensure_future(track.recv())
    await asyncio.wait([waiting], timeout=0.01)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    track.stop()


def test_aiortc_still_needs_it() -> None:
    """Fails when its encoder gives each of the packets of a long frame its own time: then nothing has to be cut."""
    payloads, _ = OpusEncoder().encode(tone(2 * BLOCK, 0))
    assert len(payloads) == 2, "and one timestamp for both"

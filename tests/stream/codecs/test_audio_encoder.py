"""The sound's bit rate can be lowered while it is sent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.audio_encoder import AudioEncoder

OPUS = RTCRtpCodecParameters("audio/opus", 48_000, 2)


def blocks(begin: int, count: int) -> list[av.AudioFrame]:
    made = []
    for index in range(begin, begin + count):
        noise = np.random.default_rng(index).integers(-8000, 8000, 960).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(noise, 2)[None], format="s16", layout="stereo")
        frame.pts, frame.sample_rate, frame.time_base = index * 960, 48_000, Fraction(1, 48_000)
        made.append(frame)
    return made


def test_opus_takes_what_it_may_from_the_next_block_on_and_time_goes_on() -> None:
    encoder = AudioEncoder(OPUS)
    before = [packet for packet in encoder.encode(blocks(0, 50)) if packet is not None]
    encoder.bitrate_bps = 32_000
    after = [packet for packet in encoder.encode(blocks(50, 50)) if packet is not None]
    assert 8 * sum(packet.size for packet in before) > 60_000
    assert 8 * sum(packet.size for packet in after) < 40_000
    times = [packet.pts or 0 for packet in before + after]
    assert times[-1] == 99 * 960 and times == sorted(times) and len(times) >= 98


def test_a_codec_without_rates_goes_on_as_it_is() -> None:
    encoder = AudioEncoder(RTCRtpCodecParameters("audio/PCMU", 8000, 1))
    encoder.bitrate_bps = 32_000
    packets = [packet for packet in encoder.encode(blocks(0, 10)) if packet is not None]
    assert len(packets) >= 9 and {packet.size for packet in packets} == {160}


def decoded(packets: list[av.Packet[Any] | None]) -> np.ndarray:
    """Return the (n, 2) samples that a receiver plays."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "stereo", 48_000
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(bytes(packet or b"")))]
    return np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])


def tone(index: int, left: float, right: float) -> av.AudioFrame:
    wave = np.sin(2 * np.pi * 440 * np.arange(index * 960, index * 960 + 960) / 48_000)
    samples = (np.stack([left * wave, right * wave], axis=1) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.pts, frame.sample_rate, frame.time_base = index * 960, 48_000, Fraction(1, 48_000)
    return frame


def loudness(samples: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(samples.astype(float) ** 2, axis=0))


def channels(packet: av.Packet[Any] | None) -> int:
    return 2 if bytes(packet or b"")[0] & 0x04 else 1  # RFC 6716, 3.1


def test_channels_that_are_alike_are_sent_as_one_and_heard_as_loud_as_before() -> None:
    packets = AudioEncoder(OPUS).encode([tone(index, 1.0, 1.0) for index in range(50)])
    assert {channels(packet) for packet in packets} == {1}
    heard = decoded(packets)[4800:]
    assert np.allclose(loudness(heard), 8000 / np.sqrt(2), rtol=0.03)


def test_channels_that_differ_are_kept_apart_at_once_and_joined_after_a_second_alike() -> None:
    encoder = AudioEncoder(OPUS)
    packets = encoder.encode([tone(index, 1.0, 1.0 if index < 50 else 0.1) for index in range(100)])
    assert [channels(packet) for packet in packets] == [1] * 50 + [2] * 50
    left, right = loudness(decoded(packets)[60 * 960 :])
    assert right < 0.3 * left
    again = encoder.encode([tone(index, 1.0, 1.0) for index in range(100, 200)])
    assert [channels(packet) for packet in again] == [2] * 49 + [1] * 51

"""The sound's bit rate can be lowered while it is sent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.audio_encoder import AudioEncoder
from avatar.stream.codecs.received_opus import keep_payload, received_payload

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


def received(count: int, bitrate_bps: int, quiet: list[bool] | None = None) -> list[av.AudioFrame]:
    """Return blocks of a loud tone, or silence, as decoded from a browser's packets, which they keep."""
    far = av.CodecContext.create("libopus", "w")
    far.bit_rate, far.format, far.layout, far.sample_rate = bitrate_bps, "s16", "stereo", 48_000
    near = av.CodecContext.create("libopus", "r")
    near.format, near.layout, near.sample_rate = "s16", "stereo", 48_000
    made = []
    for index in range(count):
        loud = 0.0 if quiet and quiet[index] else 1.0
        for packet in far.encode(tone(index, loud, loud)):
            frame = near.decode(av.Packet(bytes(packet)))[0]
            frame.pts, frame.time_base = index * 960, Fraction(1, 48_000)
            keep_payload(frame, bytes(packet))
            made.append(frame)
    return made


def payload(frame: av.AudioFrame) -> bytes:
    return received_payload(frame) or b""


def test_what_came_as_opus_and_is_unchanged_leaves_as_it_came() -> None:
    frames = received(20, 64_000)
    packets = AudioEncoder(OPUS).encode(frames)
    assert [bytes(packet or b"") for packet in packets] == [payload(frame) for frame in frames]
    assert [packet.pts for packet in packets if packet] == [frame.pts for frame in frames]


def test_what_takes_more_than_the_sound_may_is_encoded_anew() -> None:
    encoder = AudioEncoder(OPUS)
    encoder.bitrate_bps = 32_000
    frames = received(100, 128_000)
    packets = encoder.encode(frames)
    assert all(bytes(packet or b"") != payload(frame) for packet, frame in zip(packets[20:], frames[20:], strict=True))
    assert 8 * 50 * np.mean([packet.size for packet in packets[20:] if packet]) < 45_000


def test_sound_that_is_encoded_between_what_is_sent_on_is_heard_as_loud_as_that() -> None:
    """The avatar speaks by itself between what its user says, in the middle of a loud tone."""
    frames = received(100, 64_000)
    frames[25:50] = [tone(index, 1.0, 1.0) for index in range(25, 50)]
    packets = AudioEncoder(OPUS).encode(frames)
    heard = decoded(packets)
    moments = [float(loudness(heard[at : at + 960])[0]) for at in range(4800, len(heard) - 960, 960)]
    assert min(moments) > 0.9 * 8000 / np.sqrt(2) and max(moments) < 1.1 * 8000 / np.sqrt(2)
    assert bytes(packets[60] or b"") != payload(frames[60]), "it could be heard"


def test_packets_are_sent_on_again_from_a_quiet_moment_on() -> None:
    quiet = [index in range(50, 60) for index in range(100)]
    frames = received(100, 64_000, quiet)
    frames[10:30] = [tone(index, 1.0, 1.0) for index in range(10, 30)]
    packets = AudioEncoder(OPUS).encode(frames)
    as_it_came = [bytes(p or b"") == received_payload(f) for p, f in zip(packets, frames, strict=True)]
    assert all(as_it_came[:10]) and not any(as_it_came[10:50]) and all(as_it_came[58:])

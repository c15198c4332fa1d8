"""The sound's bit rate can be lowered while it is sent."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.audio_encoder import AudioEncoder


def blocks(begin: int, count: int) -> list[av.AudioFrame]:
    made = []
    for index in range(begin, begin + count):
        noise = np.random.default_rng(index).integers(-8000, 8000, 960).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(noise, 2)[None], format="s16", layout="stereo")
        frame.pts, frame.sample_rate, frame.time_base = index * 960, 48_000, Fraction(1, 48_000)
        made.append(frame)
    return made


def test_opus_takes_what_it_may_from_the_next_block_on_and_time_goes_on() -> None:
    encoder = AudioEncoder(RTCRtpCodecParameters("audio/opus", 48_000, 2))
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

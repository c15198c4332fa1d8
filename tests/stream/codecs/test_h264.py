"""The encoders of the CPU follow the rate that is wanted, each at its own price in key frames."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
import pytest

from avatar.stream.codecs.h264 import X264Encoder
from avatar.stream.codecs.video_encoder import CodecName, VideoEncoder
from avatar.stream.codecs.vp8 import LibvpxEncoder
from tests.stream.swaying_face import picture

MAKE: dict[CodecName, Callable[..., VideoEncoder]] = {"h264": X264Encoder, "vp8": LibvpxEncoder}


@pytest.fixture(scope="module")
def swaying() -> list[np.ndarray]:
    return [picture(index) for index in range(40)]


def bits_a_second(pictures: list[np.ndarray], codec: CodecName, targets_bps: list[int]) -> tuple[list[int], int]:
    """Return the bits of each second of a stream whose target is another every second, and how many key frames it has.

    Seconds are those of the pictures' own times, 30 pictures each, however long encoding takes.
    """
    encoder, bits, keys = MAKE[codec](max_bitrate_bps=2_500_000, fps=30), [], 0
    for second, target in enumerate(targets_bps):
        sizes = []
        for index in range(30 * second, 30 * (second + 1)):
            encoded = encoder.encode(pictures[index % 40], index * 3000, bitrate_bps=target, key=False)
            sizes.append(len(encoded.data))
            keys += encoded.key
        bits.append(8 * sum(sizes))
    return bits, keys


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_the_stream_follows_the_target_within_two_seconds(swaying: list[np.ndarray], codec: CodecName) -> None:
    """PyAV takes a new bit rate for an open encoder and says nothing, though most then go on as before."""
    targets = [1_000_000, 400_000, 800_000, 300_000]
    bits, keys = bits_a_second(swaying, codec, [target for target in targets for _ in range(3)])
    assert bits[2::3] == pytest.approx(targets, rel=0.25)
    assert bits[1::3] == pytest.approx(targets, rel=0.35)
    assert keys == {"h264": 1, "vp8": len(targets)}[codec], "H.264 needs no key frame for it, VP8 one for each leap"


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_rate_that_creeps_is_followed_and_hardly_ever_passed(swaying: list[np.ndarray], codec: CodecName) -> None:
    down = [round(900_000 * 0.94**second) for second in range(8)]
    up = [round(down[-1] * 1.08**second) for second in range(8)]
    bits, keys = bits_a_second(swaying, codec, down + up)
    assert bits == pytest.approx(down + up, rel=0.45)
    assert sum(bits) < 1.12 * sum(down + up)
    assert bits[-1] > 0.7 * up[-1]
    assert keys <= {"h264": 1, "vp8": 10}[codec]


def test_the_stream_says_what_colours_it_has_and_the_profile_the_answer_promises() -> None:
    encoded = X264Encoder(max_bitrate_bps=3_000_000, fps=30).encode(picture(0), 0, bitrate_bps=1_000_000, key=True)
    parameters = encoded.data[encoded.data.index(b"\x00\x00\x01\x67") + 4 :]
    assert parameters[0] == 66, "baseline"
    assert parameters[2] <= 31, "level 3.1 at most"
    (decoded,) = av.CodecContext.create("h264", "r").decode(av.Packet(encoded.data))
    assert (decoded.colorspace, decoded.color_range) == (6, 1), "BT.601, limited range"


def test_a_key_frame_on_a_narrow_line_takes_it_a_tenth_of_a_second(swaying: list[np.ndarray]) -> None:
    encoder = X264Encoder(max_bitrate_bps=3_000_000, fps=30)
    for index in range(30):
        encoder.encode(swaying[index], index * 3000, bitrate_bps=3_000_000, key=False)
    encoded = encoder.encode(swaying[30], 90_000, bitrate_bps=250_000, key=True)
    assert encoded.key and 8 * len(encoded.data) < 250_000 / 10


def test_the_rate_rises_again_after_a_key_frame_on_a_narrow_line(swaying: list[np.ndarray]) -> None:
    encoder, sizes, keys = X264Encoder(max_bitrate_bps=3_000_000, fps=30), [], 0
    for index in range(150):
        target = 250_000 if index < 30 else 900_000
        encoded = encoder.encode(swaying[index % 40], index * 3000, bitrate_bps=target, key=index == 20)
        sizes.append(len(encoded.data))
        keys += encoded.key
    assert 8 * sum(sizes[-60:]) / 2 == pytest.approx(900_000, rel=0.25)
    assert keys == 3, "the first, the one asked for, and one where more is allowed than could be made"


@pytest.mark.parametrize("fps", [15, 20])
def test_pictures_that_come_further_apart_take_the_rate_too(swaying: list[np.ndarray], fps: int) -> None:
    encoder, sizes = X264Encoder(max_bitrate_bps=2_500_000, fps=30), []
    for index in range(6 * fps):
        encoded = encoder.encode(swaying[index % 40], index * 90_000 // fps, bitrate_bps=500_000, key=False)
        sizes.append(len(encoded.data))
    assert 8 * sum(sizes[-2 * fps :]) / 2 == pytest.approx(500_000, rel=0.25)

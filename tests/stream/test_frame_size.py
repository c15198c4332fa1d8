"""How large a camera's pictures will be, read from frames that real encoders made."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from avatar.stream.frame_size import SizeGate, announced_size

H264, VP8 = "video/H264", "video/VP8"


def encoded(codec: str, width: int, height: int, count: int = 3, **options: str) -> list[bytes]:
    """Frames of a grey camera, the first of them a key frame."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.options = options
    packets = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 90, np.uint8), format="yuv420p")
        frame.pts = index
        packets += context.encode(frame)
    return [bytes(packet) for packet in packets + context.encode(None)]


LIVE = {"preset": "ultrafast", "tune": "zerolatency"}


@pytest.mark.parametrize(
    ("width", "height", "options"),
    [
        (640, 480, {"profile": "baseline"}),
        (1280, 720, {"profile": "main"}),
        (1920, 1080, {"profile": "high"}),
        (720, 1280, {"profile": "high", "x264-params": "cqm=jvt"}),
        (2048, 1152, {"profile": "high", "x264-params": "interlaced=1"}),
    ],
)
def test_h264_announces_its_size_rounded_up_to_macroblocks(width: int, height: int, options: dict[str, str]) -> None:
    key, *others = encoded("libx264", width, height, **LIVE | options)
    size = announced_size(H264, key)
    assert size is not None
    assert 0 <= size[0] - width < 16
    assert 0 <= size[1] - height < 32
    assert [announced_size(H264, other) for other in others] == [None] * len(others)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(640, 480), (1080, 1920), (2560, 1440)])
def test_vp8_announces_its_size_in_key_frames(width: int, height: int) -> None:
    key, *others = encoded("libvpx", width, height, deadline="realtime", **{"lag-in-frames": "0"})
    assert announced_size(VP8, key) == (width, height)
    assert [announced_size(VP8, other) for other in others] == [None] * len(others)


def test_what_cannot_be_read_announces_nothing() -> None:
    key = encoded("libx264", 320, 240, 1, **LIVE)[0]
    start = key.index(b"\x00\x00\x01\x67")
    for frame in (b"", b"\x00", b"\x00\x00\x01", key[: start + 4], key[: start + 6], b"\x00\x00\x01\x67" + bytes(40)):
        assert announced_size(H264, frame) is None
        assert announced_size(VP8, frame) is None
    assert announced_size("audio/opus", key) is None


@pytest.mark.parametrize(
    ("mime_type", "codec", "options"),
    [(H264, "libx264", LIVE), (VP8, "libvpx", {"deadline": "realtime", "lag-in-frames": "0"})],
)
def test_a_camera_beyond_the_limit_is_kept_out_until_it_shrinks(
    mime_type: str, codec: str, options: dict[str, str]
) -> None:
    gate = SizeGate(1920)
    allowed = encoded(codec, 1920, 1080, **options)
    large = encoded(codec, 2560, 1440, **options)
    assert [gate.lets_through(mime_type, frame) for frame in allowed] == [True] * 3
    assert [gate.lets_through(mime_type, frame) for frame in large] == [False] * 3, "key frame and what builds on it"
    assert gate.too_large == (2560, 1440)
    assert [gate.lets_through(mime_type, frame) for frame in allowed] == [True] * 3
    assert gate.too_large is None

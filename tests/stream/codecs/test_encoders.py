"""What every picture encoder of this machine keeps to, and what happens where one does not work."""

from __future__ import annotations

import av
import numpy as np
import pytest

from avatar.errors import FrameError
from avatar.stream.codecs import encoder_trial, encoders
from avatar.stream.codecs.encoder_trial import why_it_fails, why_it_fails_apart
from avatar.stream.codecs.encoders import (
    ENCODERS,
    EncoderKind,
    Passed,
    PreferredEncoder,
    open_video_encoder,
    why_passed_over,
)
from avatar.stream.codecs.video_encoder import CodecName, EncodedPicture, VideoEncoder
from tests.stream.swaying_face import picture

FPS = 30
DECODERS: dict[CodecName, str] = {"h264": "h264", "vp8": "libvpx"}


@pytest.fixture(params=ENCODERS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> EncoderKind:
    """Each encoder that works here; the test of another is skipped, and says why it is passed over."""
    found: EncoderKind = request.param
    if (passed := why_passed_over(found)) is not None:
        pytest.skip(f"{found.name}: {passed.reason}")
    return found


@pytest.fixture
def encoder(kind: EncoderKind) -> VideoEncoder:
    return kind.make(max_bitrate_bps=3_000_000, fps=FPS)


@pytest.fixture
def receiver(kind: EncoderKind) -> av.VideoCodecContext:
    return av.CodecContext.create(DECODERS[kind.codec], "r")


@pytest.fixture(scope="module")
def swaying() -> list[np.ndarray]:
    return [picture(index) for index in range(40)]


def encode(encoder: VideoEncoder, i420: np.ndarray, number: int, **how: int) -> EncodedPicture:
    """Encode the picture of that number; `how` has the rate, and whether it is to be a key frame."""
    return encoder.encode(
        i420, number * 90_000 // FPS, bitrate_bps=how.get("rate", 1_000_000), key=bool(how.get("key"))
    )


def test_no_picture_is_late_and_each_is_decoded_as_itself(
    encoder: VideoEncoder, receiver: av.VideoCodecContext, swaying: list[np.ndarray]
) -> None:
    for number in range(20):
        encoded = encode(encoder, swaying[number], number, rate=1_500_000)
        assert encoded.key == (number == 0), "the first, and none that nobody has asked for"
        (decoded,) = receiver.decode(av.Packet(encoded.data))
        luma_error = np.abs(decoded.to_ndarray()[:320].astype(int) - swaying[number][:320]).mean()
        assert luma_error < 4, "a picture of its own, not of its neighbour: those differ by far more"


def test_the_bit_rate_is_followed_within_two_seconds(encoder: VideoEncoder, swaying: list[np.ndarray]) -> None:
    """Seconds are those of the pictures' own times, 30 pictures each, however long encoding takes."""
    targets = [1_000_000, 400_000, 800_000, 300_000]
    bits = []
    for second in range(4 * len(targets)):
        sizes = [
            len(encode(encoder, swaying[number % 40], number, rate=targets[second // 4]).data)
            for number in range(FPS * second, FPS * (second + 1))
        ]
        bits.append(8 * sum(sizes))
    followed = [(bits[4 * step + 2] + bits[4 * step + 3]) / 2 for step in range(len(targets))]
    assert followed == pytest.approx(targets, rel=0.15)


def test_a_picture_lost_is_answered_with_the_next_one_a_key_frame_where_a_decoder_can_start(
    encoder: VideoEncoder, receiver: av.VideoCodecContext, swaying: list[np.ndarray]
) -> None:
    keys = [encode(encoder, swaying[number], number).key for number in range(15)]
    encoded = encode(encoder, swaying[15], 15, key=True)
    assert keys == [True] + 14 * [False]
    assert encoded.key
    assert len(receiver.decode(av.Packet(encoded.data))) == 1
    assert not encode(encoder, swaying[16], 16).key, "and no further one"


def test_the_size_may_change_from_one_picture_to_the_next(
    encoder: VideoEncoder, receiver: av.VideoCodecContext
) -> None:
    for number, (width, height) in enumerate([(320, 320), (640, 360), (256, 256), (1280, 720)]):
        encoded = encode(encoder, picture(number, width, height), number)
        assert encoded.key
        (decoded,) = receiver.decode(av.Packet(encoded.data))
        assert (decoded.width, decoded.height) == (width, height)


@pytest.mark.parametrize(
    "bad",
    [np.zeros((480, 321), np.uint8), np.zeros((481, 320), np.uint8), np.zeros((24, 4), np.uint8),
     np.zeros((480, 320, 3), np.uint8), np.zeros((480, 320), np.float32)],
)  # fmt: skip
def test_what_is_not_a_picture_is_refused_and_the_next_one_still_works(encoder: VideoEncoder, bad: np.ndarray) -> None:
    with pytest.raises(FrameError):
        encode(encoder, bad, 0)
    assert encode(encoder, picture(0), 1).key


class Broken:
    """An encoder of a card that has no session left: the first few pictures may come."""

    def __init__(self, pictures: int = 0) -> None:
        self.left = pictures

    def encode(self, i420: np.ndarray, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        if self.left == 0:
            raise av.error.ExternalError(1, "no session is left")
        self.left -= 1
        return EncodedPicture(b"of the card", key=True)


@pytest.mark.parametrize("pictures", [0, 3])
def test_an_encoder_that_fails_within_a_call_gives_way_and_no_picture_is_lost(pictures: int) -> None:
    card = EncoderKind("card", "h264", lambda **_: Broken(pictures))
    software = next(kind for kind in ENCODERS if kind.name == "libx264")
    encoder = PreferredEncoder(lambda: (card, software), max_bitrate_bps=3_000_000, fps=FPS)
    sent = [encode(encoder, picture(number), number) for number in range(pictures + 2)]
    assert [one.data == b"of the card" for one in sent] == [True] * pictures + [False] * 2
    assert sent[pictures].key, "where a decoder can start"


def test_the_last_encoder_there_is_says_that_it_has_failed() -> None:
    encoder = PreferredEncoder(lambda: (EncoderKind("card", "h264", lambda **_: Broken()),), max_bitrate_bps=1, fps=FPS)
    with pytest.raises(av.FFmpegError):
        encode(encoder, picture(0), 0)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_an_encoder_that_does_not_work_here_is_passed_over(codec: CodecName, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EncoderKind("broken", codec, lambda **_: Broken())
    missing = EncoderKind("missing", codec, lambda **_: Broken(), lambda: "no driver here")
    monkeypatch.setattr(encoders, "ENCODERS", (missing, broken, *ENCODERS[1:]))
    assert why_passed_over(missing) == Passed("no driver here", has_driver=False)
    assert why_passed_over(broken) == Passed("no session is left")
    assert encode(open_video_encoder(codec, max_bitrate_bps=3_000_000, fps=FPS), picture(0), 0).key


class Late(Broken):
    """Hands out each picture when the next one comes."""

    def encode(self, i420: np.ndarray, pts: int, *, bitrate_bps: int, key: bool) -> EncodedPicture:
        return EncodedPicture(b"", key=False)


def test_an_encoder_whose_pictures_come_late_is_none() -> None:
    assert why_it_fails(Late()) == "holds pictures back"


def test_an_encoder_behind_a_driver_is_tried_in_a_process_of_its_own() -> None:
    assert why_it_fails_apart("avatar.stream.codecs.h264:X264Encoder") is None


def test_a_trial_that_does_not_end_or_breaks_is_a_reason_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_it_fails_apart("avatar.stream.codecs.h264:X264Encoder", longest_s=0.01) == "did not answer within 0 s"
    assert why_it_fails_apart("avatar.stream.codecs.h264:NoSuchEncoder") == "ended the process that tried it (1)"
    monkeypatch.setattr(encoder_trial.sys, "executable", "/no/such/python")
    assert "could not be tried" in (why_it_fails_apart("avatar.stream.codecs.h264:X264Encoder") or "")

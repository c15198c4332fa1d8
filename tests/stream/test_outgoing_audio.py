"""Sound leaves in one form, as loud as it came, whatever a user's codec or the avatar's voice makes of it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.codecs.g711 import PcmuDecoder, PcmuEncoder
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterFrame

from avatar.stream.outgoing_audio import FORM, OutgoingAudio


def tone(layout: str, rate: int, start: int = 0, seconds: float = 0.02) -> av.AudioFrame:
    count = round(rate * seconds)
    wave = (8_000 * np.sin(2 * np.pi * 440 * (start + np.arange(count)) / rate)).astype(np.int16)
    channels = 1 if layout == "mono" else 2
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


def sent(frames: list[av.AudioFrame]) -> list[av.AudioFrame]:
    outgoing = OutgoingAudio()
    return [formed for frame in frames if (formed := outgoing.take(frame)) is not None]


def test_what_has_the_form_passes_untouched() -> None:
    frame = tone("stereo", 48_000)
    assert OutgoingAudio().take(frame) is frame


@pytest.mark.parametrize(
    ("layout", "rate"), [("mono", 48_000), ("mono", 8_000), ("stereo", 44_100), ("stereo", 16_000)]
)
def test_any_other_is_brought_to_it_as_loud_as_it_was_without_a_gap(layout: str, rate: int) -> None:
    formed = sent([tone(layout, rate, number * rate // 50) for number in range(50)])
    assert {(frame.format.name, frame.layout.name, frame.sample_rate) for frame in formed} == {FORM}
    due = formed[0].pts
    for frame in formed:
        assert frame.pts == due
        due += frame.samples
    assert due == pytest.approx(48_000, abs=120)
    loudest = np.concatenate([frame.to_ndarray()[0] for frame in formed[5:]]).max()
    assert loudest == pytest.approx(8_000, rel=0.03)


def test_a_user_who_goes_from_one_codec_to_another_is_heard_on() -> None:
    """Both were agreed on; aiortc decodes them to other forms, and its encoder takes one only."""
    parts = [
        *(tone("stereo", 48_000, number * 960) for number in range(10)),
        *(tone("mono", 8_000, 1600 + number * 160) for number in range(10)),
        *(tone("stereo", 48_000, 19_200 + number * 960) for number in range(10)),
    ]
    encoder, decoder, heard = OpusEncoder(), OpusDecoder(), []
    for frame in sent(parts):
        for packet in encoder.encode(frame)[0]:
            heard += [one.to_ndarray() for one in decoder.decode(JitterFrame(data=packet, timestamp=0))]
    sound = np.concatenate(heard, axis=1)[0]
    assert len(sound) / 2 == pytest.approx(30 * 960, abs=2000)
    assert np.abs(sound[4_000:]).max() == pytest.approx(8_000, rel=0.25)


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_a_telephone_hears_it_as_loud_too(layout: str) -> None:
    encoder, decoder, heard = PcmuEncoder(), PcmuDecoder(), []
    for frame in sent([tone(layout, 48_000, number * 960) for number in range(20)]):
        for packet in encoder.encode(frame)[0]:
            heard += [one.to_ndarray() for one in decoder.decode(JitterFrame(data=packet, timestamp=0))]
    assert np.abs(np.concatenate(heard, axis=1)[0, 800:]).max() == pytest.approx(8_000, rel=0.1)


def test_aiortc_still_needs_it() -> None:
    """Fails when its encoder takes frames whose form changes: then nothing has to be brought to one form."""
    encoder = OpusEncoder()
    encoder.encode(tone("stereo", 48_000))
    with pytest.raises(ValueError, match="does not match"):
        encoder.encode(tone("mono", 48_000, 960))

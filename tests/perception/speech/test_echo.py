"""The avatar's own voice is taken out of the microphone, the user's is not, and no failure costs anybody the call."""

from __future__ import annotations

import logging
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from avatar.errors import IntegrationError, VoiceError
from avatar.media.pcm import I16
from avatar.perception.speech.echo import BLOCK, MOST_FAR, SPARE, EchoCanceller, open_canceller
from avatar.timing.rtp_clock import AUDIO_RATE as RATE
from benchmarks.echo import SPEECH, hears_user, in_room, listen, loss_db, lowered, recorded_users, spoken, with_user


class Ledger:
    """A canceller that takes nothing out and remembers what it was given."""

    def __init__(self) -> None:
        self.near: list[I16] = []
        self.far: list[I16] = []
        self.broken = False

    def process(self, near: I16, far: I16) -> I16:
        if self.broken:
            raise RuntimeError("out of order")
        self.near.append(near)
        self.far.append(far)
        return near


def tone(
    count: int, rate: int = RATE, layout: str = "mono", pts: int | None = None, level: int = 8_000
) -> av.AudioFrame:
    wave = (level * np.sin(2 * np.pi * 300 * np.arange(count) / rate)).astype(np.int16)
    channels = 1 if layout == "mono" else 2
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return frame


def piece(samples: np.ndarray) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = RATE
    return frame


def spoken_i16(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(samples * 20_000), np.int16)


def cleaned_in_pieces(heard: np.ndarray, length: int) -> np.ndarray:
    """What comes out of a canceller that is given so many samples at once, with nothing playing."""
    canceller = EchoCanceller()
    given = (piece(heard[start : start + length]) for start in range(0, len(heard) - length + 1, length))
    return np.concatenate([frame.to_ndarray()[0] for one in given if (frame := canceller.clean(one)) is not None])


def far_levels(ledger: Ledger) -> list[float]:
    return [float(np.abs(block).max()) for block in ledger.far]


def test_both_ends_come_in_step_as_whole_blocks_of_one_channel() -> None:
    ledger = Ledger()
    canceller = EchoCanceller(lambda: ledger)
    for number in range(50):
        canceller.played(tone(960, layout="stereo"))
        cleaned = canceller.clean(tone(882, 44_100, "stereo", pts=882 * number))
        assert cleaned is not None
        assert (cleaned.format.name, cleaned.layout.name, cleaned.sample_rate) == ("s16", "mono", RATE)
        assert cleaned.samples % BLOCK == 0
        assert cleaned.pts is not None
        assert abs(cleaned.pts - 960 * number) <= BLOCK + 48
    assert [len(block) for block in ledger.near] == [len(block) for block in ledger.far]
    assert sum(len(block) for block in ledger.near) > 0.95 * RATE
    assert min(far_levels(ledger)[5:]) > 7_000


def test_what_was_not_played_is_silence_and_what_waits_is_bounded() -> None:
    ledger = Ledger()
    canceller = EchoCanceller(lambda: ledger)
    canceller.clean(tone(960))
    assert far_levels(ledger) == [0.0]
    for _ in range(1000):
        canceller.played(tone(960))
    for _ in range(20):
        canceller.clean(tone(960))
    assert sum(level > 100 for level in far_levels(ledger)) == MOST_FAR // 960


def test_a_burst_does_not_leave_the_far_end_late() -> None:
    """What always waits is dropped after some seconds: an echo must not come before what it is an echo of."""
    ledger = Ledger()
    canceller = EchoCanceller(lambda: ledger)
    for _ in range(6):
        canceller.played(tone(960, level=100))
    for _ in range(150):
        canceller.played(tone(960, level=100))
        canceller.clean(tone(960))
    canceller.played(tone(960, level=20_000))
    before = len(ledger.far)
    for _ in range(10):
        canceller.clean(tone(960))
    waited = next(index for index, level in enumerate(far_levels(ledger)[before:]) if level > 10_000)
    assert waited * 960 <= SPARE


@pytest.mark.parametrize("missing", [True, False])
def test_without_a_working_canceller_the_user_is_heard_and_it_is_said_once(
    missing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()

    def make() -> Ledger:
        if missing:
            raise IntegrationError("not installed")
        return ledger

    with caplog.at_level(logging.WARNING):
        canceller = EchoCanceller(make)
        ledger.broken = True
        for _ in range(5):
            canceller.played(tone(960))
            cleaned = canceller.clean(tone(960))
            assert cleaned is not None
            assert np.abs(cleaned.to_ndarray()).max() > 7_000
    assert not canceller.works
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the echo of the avatar's voice is not cancelled"
    ]


def test_a_frame_that_is_no_sound_adds_nothing() -> None:
    canceller = EchoCanceller(Ledger)
    impossible = tone(960)
    impossible.sample_rate = 1
    canceller.played(impossible)
    assert canceller.clean(impossible) is None
    assert canceller.clean(tone(100)) is None, "less than a block"


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(IntegrationError, match=r"avatar\[echo\]"):
        open_canceller()


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    pytest.importorskip("pywebrtc_audio", reason="needs the extra `echo`")
    try:
        return spoken(SPEECH)
    except VoiceError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize(("delay_s", "gain"), [(0.06, 0.3), (0.2, 0.5)])
def test_the_avatar_does_not_interrupt_itself(voice: np.ndarray, delay_s: float, gain: float) -> None:
    microphone = in_room(voice, delay_s, gain)
    before, after = listen(voice, microphone, None), listen(voice, microphone, EchoCanceller())
    assert len(before.turns_s) >= 3, "without it the avatar hears itself"
    assert loss_db(before.sound, after.sound) >= 15
    assert not after.turns_s


@pytest.mark.slow
def test_the_user_is_heard_through_a_late_and_loud_echo(voice: np.ndarray) -> None:
    microphone = in_room(voice, delay_s=0.2, gain=0.5)
    for user in [*recorded_users()[:1], lowered(voice)]:
        assert hears_user(listen(voice, with_user(microphone, user), EchoCanceller()).turns_s)


@pytest.mark.slow
def test_a_voice_that_goes_back_to_its_speaker_stays_whole_where_there_is_no_echo(voice: np.ndarray) -> None:
    """In the modes `voice` and `both` the far end is the user, a little later; headphones bring nothing of it back."""
    played = np.concatenate([np.zeros(RATE // 4, np.float32), voice])[: len(voice)]
    cleaned = listen(played, voice, EchoCanceller()).sound
    count = min(len(cleaned), len(voice))
    kept_db = 10 * np.log10(np.mean(cleaned[:count] ** 2) / np.mean(voice[:count] ** 2))
    assert -3 < kept_db < 1


@pytest.mark.parametrize("length", [160, 512, 960, 1024])
def test_a_voice_comes_out_the_same_in_pieces_of_any_length(voice: np.ndarray, length: int) -> None:
    """Sound cards and browsers give 512 or 1024 samples; the canceller itself spoils what is not whole 10 ms."""
    heard = spoken_i16(voice[: 2 * RATE])
    in_blocks, in_pieces = cleaned_in_pieces(heard, BLOCK), cleaned_in_pieces(heard, length)
    np.testing.assert_array_equal(in_pieces, in_blocks[: len(in_pieces)])
    assert len(heard) - len(in_pieces) < length + BLOCK


def test_a_muted_microphone_stays_muted_while_the_avatar_speaks(voice: np.ndarray) -> None:
    canceller = EchoCanceller()
    for block in spoken_i16(voice[: 2 * RATE]).reshape(-1, BLOCK):
        canceller.played(piece(block))
        muted = canceller.clean(piece(np.zeros(BLOCK, np.int16)))
        assert muted is not None
        assert np.abs(muted.to_ndarray()).max() <= 2, "what rounding leaves, nothing that is heard"

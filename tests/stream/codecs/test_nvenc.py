"""NVIDIA's encoder as far as it can be tried without a card; with one, `test_encoders.py` tries it as all others."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from avatar.stream.codecs.encoder_trial import why_it_fails_apart
from avatar.stream.codecs.nvenc import NAME, OPTIONS, NvencEncoder, why_no_driver

SIZE = (64, 64)
PICTURE = np.zeros((96, 64), np.uint8)
MAX_BPS = 2_700_000


class Packet:
    """One encoded picture."""

    def __init__(self, key: bool) -> None:
        self.is_keyframe = key

    def __bytes__(self) -> bytes:
        return b"picture"


class Session:
    """Stands in for FFmpeg's: a new bit rate is given to the driver at the next picture, which is then a key frame."""

    def __init__(self, size: tuple[int, int], bitrate_bps: int, buffer_bits: int, *, obeys: bool) -> None:
        self.size, self.buffer_bits, self.obeys = size, buffer_bits, obeys
        self.bit_rate = self.in_force_bps = bitrate_bps
        self._begins = True

    def encode(self, frame: Any) -> list[Packet]:
        changed = self.obeys and self.bit_rate != self.in_force_bps
        if changed:
            self.in_force_bps = self.bit_rate
        key = self._begins or changed or frame.pict_type == av.video.frame.PictureType.I
        self._begins = False
        return [Packet(key)]


class Card:
    """Opens sessions, and keeps them to be looked at."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.obeys = obeys
        self.sessions: list[Session] = []
        self.encoder = NvencEncoder(max_bitrate_bps=MAX_BPS, fps=30, open_context=self._open)
        self._number = 0

    def keys(self, bitrate_bps: int, pictures: int, *, key: bool = False, picture: np.ndarray = PICTURE) -> int:
        """Encode some pictures; return how many of them are key frames."""
        count = 0
        for _ in range(pictures):
            encoded = self.encoder.encode(picture, 3000 * self._number, bitrate_bps=bitrate_bps, key=key)
            count += encoded.key
            self._number += 1
        return count

    def _open(self, size: tuple[int, int], bitrate_bps: int, buffer_bits: int, fps: int) -> Session:
        assert fps == 30
        self.sessions.append(Session(size, bitrate_bps, buffer_bits, obeys=self.obeys))
        return self.sessions[-1]


def test_a_rate_that_moves_is_given_to_the_open_session_and_costs_one_key_frame() -> None:
    card = Card()
    assert card.keys(2_000_000, 5) == 1
    assert card.keys(1_500_000, 5) == 1
    assert card.sessions[0].in_force_bps == 1_500_000
    assert len(card.sessions) == 1


def test_a_rate_that_hardly_moves_waits_for_a_key_frame_that_is_due_anyway() -> None:
    card = Card()
    card.keys(2_000_000, 1)
    assert card.keys(1_950_000, 5) == 0
    assert card.sessions[0].in_force_bps == 2_000_000
    assert card.keys(1_950_000, 1, key=True) == 1
    assert card.sessions[0].in_force_bps == 1_950_000


def test_a_card_whose_driver_refuses_a_new_rate_is_opened_anew_and_not_asked_again() -> None:
    card = Card(obeys=False)
    card.keys(2_000_000, 5)
    assert card.keys(1_500_000, 5) == 1
    assert card.keys(1_200_000, 5) == 1
    assert [session.in_force_bps for session in card.sessions] == [2_000_000, 1_500_000, 1_200_000]
    assert card.sessions[1].bit_rate == 1_500_000, "it was known by then"


def test_no_key_frame_takes_a_line_that_has_become_narrow_half_a_second() -> None:
    card = Card()
    card.keys(2_000_000, 5)
    assert card.keys(300_000, 5) == 1
    assert card.sessions[-1].buffer_bits <= 300_000 / 2


def test_another_size_is_another_session() -> None:
    card = Card()
    card.keys(1_000_000, 2)
    assert card.keys(1_000_000, 2, picture=np.zeros((48, 32), np.uint8)) == 1
    assert [session.size for session in card.sessions] == [SIZE, (32, 32)]


def test_pictures_that_come_further_apart_take_the_rate_too() -> None:
    card = Card()
    for number in range(90):
        card.encoder.encode(PICTURE, 6000 * number, bitrate_bps=500_000, key=False)
    assert card.sessions[-1].in_force_bps == pytest.approx(1_000_000, rel=0.25), "for half as many pictures a second"


def test_ffmpeg_knows_every_option_and_every_value() -> None:
    context = av.CodecContext.create(NAME, "w")
    known = {option.name for option in (*context.supported_options.private, *context.supported_options.generic)}
    assert set(OPTIONS) <= known
    reason = why_it_fails_apart("avatar.stream.codecs.nvenc:NvencEncoder")
    if why_no_driver() is None:
        pytest.skip(f"this machine has a driver; its card says: {reason}")
    assert reason is not None and "Cannot load" in reason, "it was the driver that was missing, after all options"

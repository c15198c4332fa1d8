"""A mouth rests in silence, in a murmur and in music, and not in a pause for breath."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.motion.mouth_rest import AFAR_DB, EASE, HOLD, LATELY, NEAR_DB, MouthRest
from avatar.types import F32


def moves(silence: list[float], *, speaking: float = 1.0, presence_db: float = 0.0) -> F32:
    """How much the mouth moves, given how surely nobody speaks in each frame."""
    count = len(silence)
    others = (np.full(count, value, np.float32) for value in (speaking, presence_db))
    return MouthRest().push(np.array(silence, np.float32), *others)


def test_a_mouth_that_was_silent_rests_and_moves_with_the_first_sound() -> None:
    assert not moves([0.99] * 50, speaking=0.0).any()
    assert moves([0.99] * 50 + [0.05])[-1] == pytest.approx(1)


def test_doubt_near_the_voice_moves_it() -> None:
    assert moves([0.05, 0.4])[-1] == pytest.approx(1)


def test_a_murmur_far_below_the_voice_has_to_be_plainly_speech() -> None:
    assert moves([0.4], presence_db=AFAR_DB - 1)[0] == 0
    assert moves([0.01], speaking=0.6, presence_db=AFAR_DB - 1)[0] == 0
    assert moves([0.01], presence_db=AFAR_DB - 1)[0] == pytest.approx(1)
    between = moves([0.01] * 9 + [0.4], speaking=0.4, presence_db=(AFAR_DB + NEAR_DB) / 2)
    assert between[-1] == pytest.approx(0.5)


def test_music_that_is_never_surely_a_voice_moves_no_lip() -> None:
    assert not moves([0.5] * 50).any()
    assert 0 < moves([0.3] * 50)[-1] < 1


def test_a_pause_for_breath_leaves_the_mouth_as_it_is_and_a_longer_one_lets_it_rest() -> None:
    shown = moves([0.05] * 30 + [1.0] * 100)
    assert shown[: 30 + HOLD] == pytest.approx(1)
    assert np.diff(shown[30 + HOLD :]).min() >= -1 / EASE - 1e-6, "it eases"
    assert not shown[30 + HOLD + EASE :].any()


def test_a_note_that_sounds_like_a_voice_for_a_moment_holds_nothing_open() -> None:
    shown = moves([1.0] * 50 + [0.05] * 5 + [1.0] * 50, speaking=0.2)
    assert shown[50] == pytest.approx(1) and not shown[55 + LATELY :].any()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(0, 200))
def test_pieces_of_any_length_give_the_same(silence: list[float], cut: int) -> None:
    heard = np.array(silence, np.float32)
    quiet = np.zeros_like(heard)
    rest = MouthRest()
    pieces = [rest.push(part, 1 - part, quiet[: len(part)]) for part in np.split(heard, [min(cut, len(heard))])]
    whole = MouthRest().push(heard, 1 - heard, quiet)
    assert np.array_equal(np.concatenate(pieces), whole)
    assert ((whole >= 0) & (whole <= 1)).all()

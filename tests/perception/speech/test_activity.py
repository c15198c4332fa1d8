"""How loud a voice is, and whether it speaks."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.perception.speech.activity import HANG_FRAMES, VoiceLevels
from avatar.types import F32


def talk(level_db: float, seconds: float, room_db: float = -70.0) -> F32:
    """Syllables of 0.2 s with 0.1 s in between, 100 frames a second."""
    frame = np.arange(round(seconds * 100)) % 30
    return np.where(frame < 20, level_db, room_db).astype(np.float32)


@pytest.mark.parametrize("level_db", [-40.0, -25.0, -12.0])
def test_the_voices_level_is_found(level_db: float) -> None:
    voice_db = VoiceLevels().push(talk(level_db, 20)).voice_db
    assert voice_db[-1] == pytest.approx(level_db, abs=4)


def test_it_holds_through_a_long_pause() -> None:
    levels = VoiceLevels()
    before = levels.push(talk(-15, 10)).voice_db[-1]
    after = levels.push(np.full(3000, -70, np.float32)).voice_db[-1]
    assert after == pytest.approx(before, abs=0.5)


def test_speech_is_active_and_pauses_are_not() -> None:
    quiet = np.full(200, -70, np.float32)
    active = VoiceLevels().push(np.concatenate([quiet, talk(-25, 3), quiet])).active
    assert not active[:200].any() and active[200:480].all() and not active[500 + HANG_FRAMES :].any()


def test_what_is_loud_ends_with_the_sound_itself() -> None:
    level_db = np.concatenate([np.full(100, -70, np.float32), np.full(30, -25, np.float32), np.full(50, -70)])
    loud = VoiceLevels().push(level_db.astype(np.float32)).loud
    assert not loud[:100].any() and loud[100:130].all() and not loud[130:].any()


def test_a_steady_noise_is_soon_the_room() -> None:
    active = VoiceLevels().push(np.full(2000, -40, np.float32)).active
    assert not active[1000:].any()


@pytest.mark.parametrize("level_db", [-36.0, -25.0, -12.0])
def test_a_voice_is_present_and_a_murmur_after_it_is_not(level_db: float) -> None:
    voice, murmur = talk(level_db, 6, room_db=level_db - 30), talk(level_db - 12, 4, room_db=level_db - 20)
    presence_db = VoiceLevels().push(np.concatenate([voice, murmur])).presence_db
    assert presence_db[100:600].min() > -4
    assert presence_db[760:].max() < -8


def test_a_quiet_voice_is_not_taken_for_a_murmur() -> None:
    assert VoiceLevels().push(talk(-40, 4)).presence_db[:400].min() > -7


def test_pieces_make_no_difference() -> None:
    level_db = talk(-20, 5)
    whole, pieces = VoiceLevels().push(level_db), VoiceLevels()
    cut = [pieces.push(level_db[start : start + 7]) for start in range(0, len(level_db), 7)]
    assert np.array_equal(whole.voice_db, np.concatenate([levels.voice_db for levels in cut]))
    assert np.array_equal(whole.presence_db, np.concatenate([levels.presence_db for levels in cut]))

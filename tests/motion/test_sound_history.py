"""The last seconds of a voice by time: what a listener is given of any moment."""

from __future__ import annotations

import numpy as np

from avatar.motion.sound_history import SoundHistory
from avatar.types import F32


def ramp(begin: int, count: int) -> F32:
    return np.arange(begin, begin + count, dtype=np.float32)


def test_pieces_that_come_a_little_early_or_late_are_joined() -> None:
    history = SoundHistory(16_000)
    for number, jitter_s in enumerate((0.0, 0.013, -0.02, 0.05)):
        history.put(ramp(320 * number + 1, 320), 320 * number / 16_000 + jitter_s)
    assert (history.until(1280 / 16_000, 1280) == ramp(1, 1280)).all()
    assert (history.until(640 / 16_000, 100) == ramp(541, 100)).all()


def test_where_there_was_no_sound_there_is_silence() -> None:
    history = SoundHistory(32_000)
    assert not history.until(5.0, 100).any()
    history.put(ramp(1, 320), 0.0)
    history.put(ramp(1, 320), 0.5)
    found = history.until(0.6, 9600)
    assert (found[:320] == ramp(1, 320)).all() and not found[320:8000].any()
    assert (found[8000:8320] == ramp(1, 320)).all() and not found[8320:].any()


def test_sound_that_begins_earlier_replaces_what_was_later() -> None:
    history = SoundHistory(32_000)
    history.put(ramp(1, 16_000), 0.0)
    history.put(-ramp(1, 160), 0.25)
    found = history.until(1.0, 16_000)
    assert (found[:4000] == ramp(1, 4000)).all() and (found[4000:4160] == -ramp(1, 160)).all()
    assert not found[4160:].any()


def test_what_is_too_old_is_forgotten() -> None:
    history = SoundHistory(3200)
    for number in range(1000):
        history.put(ramp(0, 320), number * 0.02)
    assert len(history._pieces) <= 12
    history.clear()
    assert not history.until(20.0, 3200).any()

"""When ticks are due: steady, catching up after a hiccup, waiting for a taker who pauses."""

from __future__ import annotations

import pytest

from avatar.timing.frame_clock import MOST_SKIPPED, SLIP_S, FrameClock

CLOCK = FrameClock(30, 10.0)


def test_beats_do_not_drift() -> None:
    assert CLOCK.due_s(30 * 3600) == pytest.approx(10 + 3600, abs=1e-6)
    assert CLOCK.start_s(7, 1 / 30) == pytest.approx(CLOCK.due_s(7) - 1 / 30)


def test_a_hiccup_is_made_up_for_and_a_pause_is_waited_out() -> None:
    assert CLOCK.taken(3, CLOCK.due_s(3) + 0.9 * SLIP_S) == CLOCK
    assert CLOCK.taken(3, CLOCK.due_s(3) + 5.0).due_s(4) == pytest.approx(CLOCK.due_s(4) + 5.0)


def test_late_pictures_are_left_out_but_not_for_ever() -> None:
    on_time, late = CLOCK.start_s(5, 1 / 30) + 0.005, CLOCK.due_s(5)
    assert CLOCK.worth_drawing(5, on_time, 0)
    assert not CLOCK.worth_drawing(5, late, 0)
    assert CLOCK.worth_drawing(5, late, MOST_SKIPPED)

"""Which of the two bit rates a watcher is sent, as its reports come in on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

from avatar.stream.watch_rates import (
    BITRATES,
    FIRST_TRY_S,
    LONGEST_TRY_S,
    PROVEN_S,
    SETTLE_S,
    WatchRateState,
    next_watch_rate,
)

SLOW_BPS = 0.5 * BITRATES["high"]
LOW_BPS = BITRATES["low"]


def after(state: WatchRateState, begin_s: float, seconds: float, **reports: float) -> WatchRateState:
    """Return the state after so many seconds of one report each."""
    for second in range(int(seconds)):
        state = next_watch_rate(state, begin_s + second, **reports)
    return state


def test_a_good_line_has_the_higher_rate_from_the_start_and_keeps_it() -> None:
    state = after(WatchRateState(0.0), 0, 60, estimate_bps=1.2 * BITRATES["high"], fraction_lost=0.01)
    assert state.rate == "high"


def test_a_slow_line_has_the_lower_rate_at_the_first_report_that_says_so() -> None:
    assert next_watch_rate(WatchRateState(0.0), 1.0, estimate_bps=SLOW_BPS).rate == "low"
    assert next_watch_rate(WatchRateState(0.0), 1.0, fraction_lost=0.2).rate == "low"


def test_the_higher_rate_is_tried_again_and_later_after_each_try_that_fails() -> None:
    state, now_s, tries = next_watch_rate(WatchRateState(0.0), 0.0, fraction_lost=0.2), 0.0, []
    while now_s < 600:
        now_s += 1
        state = next_watch_rate(state, now_s, fraction_lost=0.2 if state.rate == "high" else 0.0)
        if state.rate == "high":
            tries.append(now_s)
    waits = [later - sooner for sooner, later in pairwise(tries)]
    assert tries[0] == FIRST_TRY_S and waits == sorted(waits) and waits[-1] <= LONGEST_TRY_S + 2


def test_a_receiver_that_says_it_can_take_no_more_is_not_tried() -> None:
    state = next_watch_rate(WatchRateState(0.0), 0.0, estimate_bps=SLOW_BPS)
    assert after(state, 1, 100, estimate_bps=1.1 * LOW_BPS).rate == "low"
    state = after(state, 1, FIRST_TRY_S, estimate_bps=1.5 * LOW_BPS)
    assert state.rate == "high"
    assert after(state, FIRST_TRY_S + 1, SETTLE_S, estimate_bps=1.5 * LOW_BPS).rate == "high", "still of the lower one"
    assert after(state, FIRST_TRY_S + 1, SETTLE_S + 1, estimate_bps=1.5 * LOW_BPS).rate == "low"


def test_loss_puts_the_next_try_off() -> None:
    state = next_watch_rate(WatchRateState(0.0), 0.0, fraction_lost=0.2)
    assert after(state, 1, 100, fraction_lost=0.05).rate == "low"


def test_a_rate_that_has_held_counts_as_proven() -> None:
    state = WatchRateState(0.0, wait_s=LONGEST_TRY_S)
    state = after(state, 1, PROVEN_S + 5, fraction_lost=0.0)
    assert state.rate == "high" and state.wait_s == FIRST_TRY_S


def test_an_old_estimate_says_nothing() -> None:
    state = next_watch_rate(WatchRateState(0.0), 0.0, estimate_bps=SLOW_BPS)
    state = next_watch_rate(state, 1.0, estimate_bps=1.1 * LOW_BPS)
    assert after(state, 2, 40).rate == "high"

"""The bitrate obeys the receiver: down at once, up slowly, never out of bounds."""

from __future__ import annotations

import itertools
import random

import pytest
from aiortc.rate import RemoteBitrateEstimator
from hypothesis import given
from hypothesis import strategies as st

from avatar.stream.rtp.rate_control import (
    ESTIMATE_LIFE_S,
    GROWTH_PER_S,
    QUICK_GROWTH_PER_S,
    RateLimits,
    RateState,
    is_sharp_fall,
    next_rate,
    sound_rate,
)

LIMITS = RateLimits(200_000, 3_000_000)


def test_a_lower_estimate_is_obeyed_at_once() -> None:
    state = next_rate(RateState(1_500_000, 0.0), 0.1, LIMITS, estimate_bps=600_000)
    assert state.target_bps == 600_000


def test_only_a_fall_far_below_what_is_sent_tells_of_a_full_queue() -> None:
    before = RateState(1_500_000, 0.0)
    after = next_rate(before, 0.1, LIMITS, estimate_bps=300_000)
    assert is_sharp_fall(before, after, sent_bps=1_400_000)
    assert not is_sharp_fall(before, after, sent_bps=500_000), "pictures that need little have filled no queue"
    assert not is_sharp_fall(before, next_rate(before, 0.1, LIMITS, estimate_bps=900_000), sent_bps=1_400_000)


def test_a_higher_estimate_is_approached_slowly_and_not_passed() -> None:
    state = next_rate(RateState(1_500_000, 0.0), 0.1, LIMITS, estimate_bps=600_000)
    targets = []
    for tenth in range(2, 300):
        state = next_rate(state, tenth / 10, LIMITS, estimate_bps=1_000_000)
        targets.append(state.target_bps)
    assert targets[8] == pytest.approx(600_000), "held for a second after the fall"
    steps = [after / before for before, after in itertools.pairwise(targets)]
    assert max(steps[:30]) <= (1 + GROWTH_PER_S) ** 0.11, "slowly at first"
    assert max(steps) <= (1 + QUICK_GROWTH_PER_S) ** 0.11
    assert targets[-1] == 1_000_000


def test_heavy_loss_lowers_the_rate_and_light_loss_holds_it() -> None:
    start = RateState(1_000_000, 0.0)
    assert next_rate(start, 1.0, LIMITS, fraction_lost=0.2).target_bps == pytest.approx(900_000)
    held = next_rate(start, 1.0, LIMITS, fraction_lost=0.05)
    assert held.target_bps == 1_000_000
    assert next_rate(held, 1.5, LIMITS).target_bps == 1_000_000
    assert next_rate(start, 1.0, LIMITS, fraction_lost=0.0).target_bps > 1_000_000


def test_an_old_estimate_does_not_hold_the_rate_down_for_ever() -> None:
    state = next_rate(RateState(1_000_000, 0.0), 0.0, LIMITS, estimate_bps=300_000)
    for second in range(1, 30):
        state = next_rate(state, float(second), LIMITS)
    assert state.target_bps > 300_000
    assert ESTIMATE_LIFE_S < 30


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.none() | st.integers(0, 2**60), st.none() | st.floats(0, 1)),
        max_size=50,
    )
)
def test_whatever_is_reported_the_rate_stays_in_bounds(reports: list[tuple[float, int | None, float | None]]) -> None:
    state, now_s = RateState(1_500_000, 0.0), 0.0
    for elapsed_s, estimate, lost in reports:
        now_s += elapsed_s
        state = next_rate(state, now_s, LIMITS, estimate_bps=estimate, fraction_lost=lost)
        assert LIMITS.min_bps <= state.target_bps <= LIMITS.max_bps


@pytest.mark.parametrize("jitter_s", [0.0, 0.03])
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.1, 0.3])
def test_a_line_that_is_slow_but_loses_nothing_keeps_its_rate(delay_s: float, jitter_s: float) -> None:
    """aiortc's receiver tells what it can take by how delays change, not by how long they are; simulated clocks."""
    receiver, chance = RemoteBitrateEstimator(), random.Random(1)  # noqa: S311 - the same each time
    limits, state, last_arrival_s = RateLimits(200_000, 2_500_000), RateState(1_500_000, 0.0), 0.0
    for picture in range(30 * 40):
        size = int(state.target_bps / 30 / 8)
        packets = -(-size // 1200)
        for number in range(packets):
            sent_s = picture / 30 + number * 0.0002
            last_arrival_s = max(last_arrival_s, sent_s + delay_s + jitter_s * chance.random())
            told = receiver.add(
                abs_send_time=int((sent_s + 100) * 2**18) & 0xFFFFFF,
                arrival_time_ms=round(1e3 * (last_arrival_s + 100)),
                payload_size=size // packets,
                ssrc=1,
            )
            if told is not None:
                state = next_rate(state, last_arrival_s, limits, estimate_bps=told[0])
        if picture % 30 == 29:
            state = next_rate(state, picture / 30, limits, fraction_lost=0.0)
    assert state.target_bps > 2_000_000


def test_a_line_that_has_become_narrow_is_obeyed_at_once() -> None:
    state = next_rate(RateState(3_000_000, 0.0), 1.0, LIMITS, carried_bps=400_000)
    assert state.target_bps == pytest.approx(340_000)
    assert next_rate(state, 1.5, LIMITS).target_bps == state.target_bps, "held"


def test_pictures_that_need_little_do_not_keep_the_rate_down() -> None:
    """Receivers tell half as much again as comes: of that alone a call would never get to know of more."""
    state = RateState(200_000, 0.0)
    for second in range(1, 30):
        state = next_rate(state, float(second), LIMITS, estimate_bps=160_000, sent_bps=100_000)
    assert state.target_bps == pytest.approx(300_000)
    full = next_rate(state, 30.0, LIMITS, estimate_bps=220_000, sent_bps=250_000)
    assert full.target_bps == 220_000, "an estimate below what is sent was measured"


def test_sound_takes_less_beside_a_squeezed_picture_and_does_not_flap() -> None:
    rates = [sound_rate(present, picture) for present, picture in ((96_000, 3e6), (96_000, 5e5), (96_000, 3e5))]
    assert rates == [96_000, 96_000, 32_000]
    assert [sound_rate(32_000, picture) for picture in (3e5, 5e5, 7e5)] == [32_000, 32_000, 96_000]

"""A narrow line's queue is not filled at once, and lost packets are not sent again while they are on their way."""

from __future__ import annotations

import pytest

from avatar.stream.rtp.send_budget import BURST_S, DRAIN_S, PACE, ResendRule, SendBudget


def sent_over_s(packets: int, rate_bps: float) -> float:
    """Return how long packets of 1,200 bytes take that each leave as soon as they may."""
    budget, now_s = SendBudget(), 10.0
    for _ in range(packets - 1):
        now_s += budget.spend(1200, now_s, rate_bps)
    return now_s - 10.0


def test_an_ordinary_picture_leaves_at_once_and_a_key_frame_is_spread() -> None:
    rate_bps = 3_000_000
    assert sent_over_s(10, rate_bps) == 0.0, "a thirtieth of a second at 3 Mbit/s"
    assert sent_over_s(50, rate_bps) > 0.07, "five pictures' worth"


def test_in_the_long_run_little_more_than_the_rate_leaves() -> None:
    spread_s = sent_over_s(1000, 300_000)
    assert 1000 * 1200 * 8 / (spread_s + BURST_S) < 1.01 * PACE * 300_000


def test_after_the_queue_has_overflowed_nothing_leaves_for_a_moment() -> None:
    budget = SendBudget()
    for _ in range(20):
        budget.spend(1200, 5.0, 300_000)
    assert budget.wait_s(5.0) > DRAIN_S, "what was sent for nothing does not count"
    budget.drain(5.0)
    assert budget.wait_s(5.0) == pytest.approx(DRAIN_S)
    assert budget.wait_s(5.1) == 0.0


def test_what_tells_twice_of_one_full_queue_does_not_make_the_next_picture_wait_twice() -> None:
    budget = SendBudget()
    budget.drain(1.0)
    budget.drain(1.07)
    assert budget.wait_s(1.07) == pytest.approx(DRAIN_S - 0.07)
    budget.drain(2.0)
    assert budget.wait_s(2.0) == pytest.approx(DRAIN_S)


def test_a_packet_is_sent_again_once_in_a_part_of_a_round_trip() -> None:
    rule = ResendRule()
    asked_ms = range(0, 200, 10)
    allowed = [at_ms for at_ms in asked_ms if rule.allows(7, at_ms / 1e3, round_trip_s=0.2)]
    assert allowed == [0, 100]
    assert rule.allows(8, 0.19, round_trip_s=0.2), "another one"


def test_nothing_is_sent_again_while_the_stream_is_far_behind() -> None:
    budget = SendBudget()
    assert budget.may_resend(1.0)
    for _ in range(10):
        budget.spend(1200, 1.0, 300_000)
    assert not budget.may_resend(1.0)
    assert budget.may_resend(1.5)

"""How often somebody may ask, on a simulated clock."""

from __future__ import annotations

import pytest

from avatar.errors import ServerFullError, TooManyRequestsError
from avatar.server.call_shares import CallShares
from avatar.server.rate_limits import MOST_BUCKETS, RateLimits


def test_a_burst_of_a_minute_is_taken_and_then_one_at_a_time() -> None:
    rates = RateLimits({"offers": 6, "uploads": 1, "rooms": 1})
    for _ in range(6):
        rates.take("offers", "a", 0.0)
    with pytest.raises(TooManyRequestsError, match="More than 6 offers a minute") as refused:
        rates.take("offers", "a", 1.0)
    assert refused.value.retry_after_s == 9 and isinstance(refused.value, ServerFullError)
    rates.take("offers", "a", 11.0)
    with pytest.raises(TooManyRequestsError):
        rates.take("offers", "a", 11.1)


def test_visitors_and_kinds_are_counted_apart() -> None:
    rates = RateLimits({"offers": 1, "uploads": 1, "rooms": 1})
    rates.take("offers", "a", 0.0)
    rates.take("offers", "b", 0.0)
    rates.take("uploads", "a", 0.0)
    with pytest.raises(TooManyRequestsError):
        rates.take("offers", "a", 0.0)


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    rates = RateLimits({"offers": 2, "uploads": 1, "rooms": 1})
    rates.take("offers", "a", 100.0)
    rates.take("offers", "a", 50.0)
    with pytest.raises(TooManyRequestsError):
        rates.take("offers", "a", 50.0)
    rates.take("offers", "a", 80.0)


def test_strangers_cannot_fill_the_memory() -> None:
    rates = RateLimits({"offers": 60, "uploads": 1, "rooms": 1})
    for number in range(MOST_BUCKETS + 50):
        rates.take("offers", f"{number}", 0.0)
    assert len(rates) == MOST_BUCKETS


def test_one_visitor_holds_no_more_calls_than_their_share() -> None:
    running = {"first", "second"}
    shares = CallShares(running.__contains__)
    for call in ("first", "second"):
        with shares.opening({"a": 2, "token": 5}) as runs:
            runs(call)
    with pytest.raises(TooManyRequestsError, match="2 calls") as refused, shares.opening({"a": 2}):
        pass
    assert refused.value.code == "too_many_calls"
    with shares.opening({"b": 1}):
        assert shares.held_by("b") == 1, "one on its way counts"
    assert shares.held_by("b") == 0, "one that failed does not"
    running.remove("first")
    with shares.opening({"a": 2}):
        assert shares.held_by("a") == 2 and shares.held_by("token") == 1

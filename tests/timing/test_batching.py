"""Frames of several calls gather for the network: none waits longer than it may, none starves, a lone one never."""

from __future__ import annotations

import pytest

from avatar.timing.batching import BUDGET_S, Arrivals, ServiceTimes, Start, Wait, next_batch
from benchmarks.batching import simulate


def slow(count: int) -> float:
    """A network that takes 4 ms, and 1 ms more for each frame."""
    return 0.004 + 0.001 * count


def quick(count: int) -> float:
    """A network that takes 2 ms, and half a millisecond more for each frame."""
    return 0.002 + 0.0005 * count


def test_nothing_waits_where_there_is_nothing() -> None:
    assert next_batch([], [1.0], 0.0, slow) is None


def test_a_lone_call_never_waits() -> None:
    assert next_batch([0.0], [], 0.0, slow) == Start(1)


def test_a_frame_that_comes_at_once_is_waited_for() -> None:
    assert next_batch([0.0], [0.001], 0.0, slow) == Wait(0.001)


def test_a_frame_that_comes_late_is_not_waited_for() -> None:
    assert next_batch([0.0], [0.004], 0.0, slow) == Start(1), "both would wait longer together than apart"


def test_a_budget_is_kept() -> None:
    assert next_batch([0.0], [BUDGET_S + 0.0001], BUDGET_S - 0.0001, slow) == Start(1)


def test_a_full_batch_begins() -> None:
    assert next_batch([0.0] * 5, [0.0001], 0.0, slow, largest=4) == Start(4)


def test_a_call_is_expected_by_its_rhythm_until_it_falls_silent() -> None:
    arrivals = Arrivals()
    for number in range(4):
        arrivals.arrived("a", number / 30)
    arrivals.arrived("b", 3.2 / 30)
    assert arrivals.expected(["b"]) == [pytest.approx(4 / 30)]
    assert arrivals.expected(["a"]) == [], "one frame is no rhythm"
    arrivals.arrived("b", 3.0)
    assert arrivals.expected([]) == [], "both rhythms are broken"


def test_service_times_of_unknown_sizes_are_those_of_the_nearest() -> None:
    service = ServiceTimes()
    assert service(3) == 0
    service.took(4, 0.008)
    assert service(2) == pytest.approx(0.004)
    assert service(6) == pytest.approx(0.008)


@pytest.mark.parametrize("calls", [1, 2, 5, 16, 40])
def test_no_frame_waits_long_and_no_call_starves(calls: int) -> None:
    # At 40 calls a batch of all takes 22 ms of 33: two thirds of what the network can do.
    waits = simulate(calls, 2.0, quick)
    assert len(waits) >= calls * 58, "every frame of every call is drawn"
    if calls == 1:
        assert max(waits) < 1e-5
    assert sorted(waits)[int(0.95 * len(waits))] <= 0.020


def test_what_gathers_is_drawn_faster_than_one_by_one() -> None:
    # Sixteen calls ask for 480 frames a second, of which one by one only 400 can be drawn.
    waits = simulate(16, 2.0, quick)
    assert max(waits[len(waits) // 2 :]) < 0.033, "nothing falls further and further behind"

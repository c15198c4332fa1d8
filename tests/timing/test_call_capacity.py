"""How many calls a server takes in, under simulated machines."""

from __future__ import annotations

import pytest

from avatar.timing.call_capacity import (
    INTERPRETER_CORES,
    LEAST_CORES,
    PLANNED_FPS_SHARE,
    ROOM_SHARE,
    CallCost,
    Room,
    Running,
    most_calls,
    observe_cost,
    room_for_calls,
    shared_level,
    simplest_planned,
)
from avatar.timing.quality_ladder import LADDER

COST = CallCost(0.6, 0.0)
TWO_CORES = Room(1.8, 10.0)
"""Two cores, and interpreters enough."""


def test_calls_keep_full_quality_while_all_of_them_fit() -> None:
    assert [shared_level(COST, Running(count), TWO_CORES) for count in (0, 1, 2, 3)] == [0, 0, 0, 0]


def test_one_more_makes_all_of_them_simpler_before_any_is_refused() -> None:
    levels = [shared_level(COST, Running(count), TWO_CORES) for count in range(1, 20)]
    held = [level for level in levels if level is not None]
    assert held == sorted(held) and held[0] == 0 and held[-1] > 0, "simpler and simpler"
    assert levels[len(held) :] == [None] * (19 - len(held)), "then none is taken"
    assert len(held) == most_calls(COST, TWO_CORES, adapting=True)


def test_no_call_is_taken_in_counting_on_the_last_reserve() -> None:
    most = most_calls(COST, TWO_CORES, adapting=True)
    level = shared_level(COST, Running(most), TWO_CORES)
    assert level is not None and LADDER[level].fps_share >= PLANNED_FPS_SHARE
    assert LADDER[-1].fps_share < PLANNED_FPS_SHARE, "there is a reserve"


def test_calls_of_fixed_quality_count_whole() -> None:
    assert shared_level(COST, Running(0, 3), TWO_CORES) == 0
    assert shared_level(COST, Running(0, 4), TWO_CORES) is None
    assert most_calls(COST, TWO_CORES, adapting=False) == 3
    beside = shared_level(COST, Running(2, 1.5), TWO_CORES)
    assert beside is not None and beside > 0, "those that can make room for them"


def test_what_other_programs_use_is_theirs_up_to_a_fair_share() -> None:
    assert room_for_calls(2.0, 0.8).cores == pytest.approx(ROOM_SHARE * 1.2)
    assert room_for_calls(2.0, 1.9).cores == pytest.approx(ROOM_SHARE * 1.0)


def test_more_cores_than_one_interpreter_uses_hold_no_more_calls() -> None:
    many, room = room_for_calls(64.0, 0.0), room_for_calls(64.0, 0.0, interpreters=3)
    assert many.interpreter_cores == room_for_calls(2.0, 0.0).interpreter_cores == INTERPRETER_CORES
    assert most_calls(CallCost(0.5, 0.0), many, adapting=False) == int(INTERPRETER_CORES / 0.5)
    assert room.interpreter_cores == 3 * INTERPRETER_CORES


def test_simpler_calls_crowd_the_interpreter_more_than_the_cores() -> None:
    cost, room = CallCost(0.5, 0.0), room_for_calls(2.0, 0.0)
    level = LADDER[simplest_planned()]
    assert 4 * cost.cores * level.cost < room.cores, "there are cores for a fourth call"
    assert [shared_level(cost, Running(count), room) for count in (1, 2, 3, 4)] == [0, 0, 2, None]
    assert most_calls(cost, room, adapting=True) == 3


def test_a_machine_too_slow_for_any_call_is_thought_to_hold_one() -> None:
    assert most_calls(CallCost(5.0, 0.0), TWO_CORES, adapting=True) == 1


def test_calls_that_run_tell_what_one_costs() -> None:
    cost: CallCost | None = CallCost(1.0, 0.0)
    calls = [(0, 1.0), (3, 1.0), (0, 0.5)]
    own = 0.4 * sum(LADDER[level].cost * weight for level, weight in calls)
    for second in range(1, 61):
        cost = observe_cost(cost, own, calls, float(second))
    assert cost is not None and cost.cores == pytest.approx(0.4, abs=0.01)
    after = observe_cost(cost, 10 * own, calls, 61.0)
    assert after is not None and after.cores < 0.9, "one second does not decide"
    first = observe_cost(None, own, calls, 0.0)
    assert first is not None and first.cores == pytest.approx(0.4), "the first call tells, where nothing was tried"


def test_a_server_without_calls_learns_nothing() -> None:
    assert observe_cost(COST, 0.3, [], 100.0) == CallCost(0.6, 100.0)
    assert observe_cost(None, 0.3, [], 100.0) is None
    assert observe_cost(CallCost(LEAST_CORES, 0.0), 0.0, [(0, 1.0)], 1e6) == CallCost(LEAST_CORES, 1e6)

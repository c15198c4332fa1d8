"""Where a call is held: the server first, then a process each, then whatever holds least."""

from __future__ import annotations

from avatar.call.workers.placement import PROVEN_S, Failures, choose_place


def test_a_call_that_is_alone_needs_no_other_process() -> None:
    assert choose_place(0.0, {}, may_start=True) == "server"
    assert choose_place(0.0, {1: 0.0}, may_start=True) == "server"


def test_each_further_call_gets_a_process_of_its_own_while_there_are_any() -> None:
    assert choose_place(1.0, {}, may_start=True) == "new"
    assert choose_place(1.0, {1: 1.0}, may_start=True) == "new"
    assert choose_place(1.0, {1: 1.0, 2: 0.0}, may_start=True) == 2, "one that rests is there already"


def test_then_calls_go_where_least_is_held() -> None:
    assert choose_place(1.0, {1: 1.0}, may_start=False) == "server"
    assert choose_place(2.0, {1: 1.0, 2: 1.5}, may_start=False) == 1
    assert choose_place(1.0, {1: 0.5}, may_start=False) == 1, "a call that a program makes weighs half"
    assert choose_place(3.0, {}, may_start=False) == "server", "where none can be started, the server holds all"


def test_workers_that_die_are_started_again_later_and_later() -> None:
    failures = Failures()
    assert failures.wait_s(0.0) == 0.0
    waits = []
    now_s = 100.0
    for _ in range(4):
        failures = failures.with_one(ran_s=2.0, now_s=now_s)
        waits.append(failures.wait_s(now_s))
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert failures.wait_s(now_s + 8.0) == 0.0
    assert failures.with_one(ran_s=PROVEN_S, now_s=now_s).wait_s(now_s) == 1.0, "one that was well for long"

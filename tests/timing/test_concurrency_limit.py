"""How many threads work at the same time, and in what order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from avatar.timing import concurrency_limit
from avatar.timing.concurrency_limit import ConcurrencyLimit, picture_work

LIMIT_S = 10.0


def started(*works: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def joined(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_no_more_than_allowed_work_at_once_and_all_get_their_turn() -> None:
    limit, lock = ConcurrencyLimit(2), threading.Lock()
    working, most, done = 0, 0, 0

    def work() -> None:
        nonlocal working, most, done
        for _ in range(200):
            with limit.held():
                with lock:
                    working += 1
                    most = max(most, working)
                with lock:
                    working -= 1
                    done += 1

    joined(started(*[work] * 6))
    assert done == 6 * 200 and 1 <= most <= 2


def test_who_came_first_is_served_first() -> None:
    limit, order = ConcurrencyLimit(1), []

    def work(number: int) -> None:
        with limit.held():
            order.append(number)

    threads = []
    with limit.held():
        for number in range(4):
            threads += started(lambda number=number: work(number))  # type: ignore[misc]
            while len(limit._waiting) <= number:
                pass
    joined(threads)
    assert order == [0, 1, 2, 3]


def test_who_works_already_does_not_wait_for_itself() -> None:
    limit, got_in = ConcurrencyLimit(1), threading.Event()

    def work() -> None:
        with limit.held(), limit.held():
            pass
        with limit.held():
            got_in.set()

    joined(started(work))
    assert got_in.is_set()


def test_who_waits_for_others_lets_them_work() -> None:
    limit, other_worked = ConcurrencyLimit(1), threading.Event()

    def other() -> None:
        with limit.held():
            other_worked.set()

    with limit.held():
        threads = started(other)
        with limit.released():
            assert other_worked.wait(LIMIT_S)
    joined(threads)
    with limit.released():  # of nothing
        pass


def test_a_failure_gives_the_turn_back() -> None:
    limit = ConcurrencyLimit(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limit.held():
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), limit.held(), limit.released():
        raise ZeroDivisionError
    with limit.held():  # nobody has it
        pass


@pytest.mark.parametrize(("cores", "most"), [(1, 3), (2, 3), (3, 4), (64, 4)])
def test_a_lone_calls_threads_never_wait_for_each_other(monkeypatch: pytest.MonkeyPatch, cores: int, most: int) -> None:
    monkeypatch.setattr(concurrency_limit, "usable_cores", lambda: set(range(cores)))
    picture_work.cache_clear()
    assert picture_work().most == most
    picture_work.cache_clear()
    assert picture_work() is picture_work()

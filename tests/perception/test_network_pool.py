"""Calls that follow faces share copies of the networks, never one at the same time."""

from __future__ import annotations

import threading

import pytest

from avatar.perception.network_pool import NetworkPool

GENEROUS_S = 60.0


def pool(most: int) -> tuple[NetworkPool[object], list[object]]:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    return NetworkPool(make, most), made


def test_a_copy_is_made_for_each_call_up_to_the_most() -> None:
    shared, made = pool(2)
    for landmarkers in range(1, 9):
        shared.join()
        assert len(made) == min((landmarkers + 1) // 2, 2)


def test_a_call_that_comes_when_another_has_ended_takes_its_copy() -> None:
    shared, made = pool(4)
    for _ in range(5):
        shared.join()
        shared.join()
        shared.leave()
        shared.leave()
    assert len(made) == 1


def test_two_calls_do_not_have_the_same_copy_at_once() -> None:
    shared, _ = pool(2)
    for _ in range(4):
        shared.join()
    with shared.borrow() as one, shared.borrow() as other:
        assert one is not other


def test_a_call_waits_for_a_copy_while_all_are_borrowed() -> None:
    shared, _ = pool(1)
    shared.join()
    had = threading.Event()

    def use() -> None:
        with shared.borrow():
            had.set()

    waiting = threading.Thread(target=use)
    with shared.borrow():
        waiting.start()
        assert not had.wait(0.05)
    assert had.wait(GENEROUS_S)
    waiting.join()


def test_a_copy_comes_back_from_one_that_failed() -> None:
    shared, _ = pool(1)
    shared.join()
    with pytest.raises(ZeroDivisionError), shared.borrow():
        raise ZeroDivisionError
    with shared.borrow() as again:
        assert again is not None


def test_what_a_copy_cannot_be_made_of_is_said_and_tried_again_by_the_next() -> None:
    tries: list[None] = []

    def fail() -> object:
        tries.append(None)
        raise OSError("no such model")

    shared: NetworkPool[object] = NetworkPool(fail, 1)
    for _ in range(2):
        with pytest.raises(OSError, match="no such model"):
            shared.join()
    assert len(tries) == 2

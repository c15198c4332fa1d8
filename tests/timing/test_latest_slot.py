"""A queue of one between threads: the newest wins, what was missed is counted, closing wakes everybody."""

from __future__ import annotations

import threading

from avatar.timing.latest_slot import LatestSlot


def test_the_newest_item_is_taken_and_those_it_replaced_are_counted() -> None:
    latest: LatestSlot[int] = LatestSlot()
    for number in range(5):
        latest.put(number)
    assert latest.take() == 4 and latest.dropped == 4
    assert latest.take(0) is None


def test_what_was_taken_in_time_is_not_dropped() -> None:
    latest: LatestSlot[int] = LatestSlot()
    for number in range(5):
        latest.put(number)
        assert latest.take() == number
    assert latest.dropped == 0


def test_a_taker_that_waits_gets_what_comes() -> None:
    latest: LatestSlot[str] = LatestSlot()
    threading.Timer(0.02, latest.put, ("news",)).start()
    assert latest.take(10) == "news"


def test_closing_wakes_who_waits_and_takes_nothing_more() -> None:
    latest: LatestSlot[int] = LatestSlot()
    found: list[int | None] = []
    waiting = threading.Thread(target=lambda: found.append(latest.take()))
    waiting.start()
    latest.close()
    waiting.join(10)
    assert found == [None] and latest.closed
    latest.put(1)
    latest.close()
    assert latest.take() is None and latest.dropped == 0


def test_what_waits_when_it_closes_is_gone() -> None:
    latest: LatestSlot[int] = LatestSlot()
    latest.put(1)
    latest.close()
    assert latest.take() is None


def test_between_busy_threads_nothing_is_lost_uncounted_or_out_of_order() -> None:
    latest: LatestSlot[tuple[int, int]] = LatestSlot()
    taken: list[tuple[int, int]] = []
    last = (9, 0)

    def take() -> None:
        while (item := latest.take(10)) is not None:
            taken.append(item)
            if item == last:
                return

    def put(source: int) -> None:
        for number in range(2000):
            latest.put((source, number))

    taker = threading.Thread(target=take)
    givers = [threading.Thread(target=put, args=(source,)) for source in range(3)]
    taker.start()
    for thread in givers:
        thread.start()
    for thread in givers:
        thread.join(30)
    latest.put(last)
    taker.join(30)
    assert not taker.is_alive()
    assert len(taken) + latest.dropped == 3 * 2000 + 1
    for source in range(3):
        numbers = [number for origin, number in taken if origin == source]
        assert numbers == sorted(numbers)

"""When sound is given up: never for a stumble, and then so much that it is in step again."""

from __future__ import annotations

from avatar.stream.catch_up import CAUGHT_UP_S, LATE_S, blocks_given_up

BLOCK_S = 0.02


def waiting(first_s: float, count: int) -> list[float]:
    return [first_s + BLOCK_S * number for number in range(count)]


def test_nothing_is_given_up_while_it_is_hardly_late() -> None:
    assert blocks_given_up([], 5.0) == 0
    for late_s in (-1.0, 0.0, 0.06, LATE_S - 0.001):
        assert blocks_given_up(waiting(5.0 - late_s, 60), 5.0) == 0, late_s


def test_late_sound_is_given_up_until_it_is_in_step() -> None:
    for late_s in (LATE_S + 0.001, 0.3, 1.0):
        line = waiting(5.0 - late_s, 64)
        left = line[blocks_given_up(line, 5.0) :]
        assert 0 <= 5.0 - left[0] <= CAUGHT_UP_S, late_s


def test_the_newest_sound_is_never_given_up() -> None:
    assert blocks_given_up(waiting(1.0, 3), 100.0) == 2


def test_a_machine_too_slow_for_all_of_it_stays_in_step() -> None:
    """Half of all blocks can be sent: without giving up, sound would trail by a whole queue for good."""
    line: list[float] = []
    worst_s, sent = 0.0, 0
    for tick in range(500):
        now_s = tick * BLOCK_S
        line.append(now_s)
        if tick % 2:
            del line[: blocks_given_up(line, now_s)]
            worst_s, sent = max(worst_s, now_s - line.pop(0)), sent + 1
    assert worst_s <= LATE_S and sent == 250


def test_a_stall_costs_what_was_missed_and_no_more() -> None:
    line, now_s = waiting(0.0, 50), 1.0
    del line[: blocks_given_up(line, now_s)]
    assert len(line) <= 3
    later = [*line[1:], *waiting(1.0, 5)]
    assert blocks_given_up(later, now_s + 0.05) == 0

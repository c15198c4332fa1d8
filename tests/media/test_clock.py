"""One clock for a file whose own leaps: both streams go on together, pauses stay, lies are not believed."""

from __future__ import annotations

import pytest

from avatar.media.clock import LONGEST_PAUSE_S, FileClock

STEP_S = 0.04


def placed(packets: list[tuple[int, float | None]]) -> dict[int, list[float]]:
    """Return the times of (stream, what the file says) by stream, each packet lasting `STEP_S`."""
    clock: FileClock[float | None] = FileClock()
    times: dict[int, list[float]] = {}
    for stream, says in packets:
        for one in clock.place(stream, says, says, STEP_S):
            times.setdefault(stream, []).append(one.time_s)
            if one.item is not None:
                assert one.item + one.moved_s == pytest.approx(one.time_s)
    for one in clock.finish():
        times.setdefault(0, []).append(one.time_s)
    return times


def run(begin_s: float, count: int, stream: int = 0) -> list[tuple[int, float | None]]:
    return [(stream, begin_s + number * STEP_S) for number in range(count)]


def even(count: int, begin_s: float = 0.0) -> object:
    return pytest.approx([begin_s + number * STEP_S for number in range(count)])


def test_times_without_leaps_stay_as_they_are() -> None:
    assert placed(run(5.0, 10))[0] == even(10, 5.0)


@pytest.mark.parametrize("again_s", [0.0, 3.0, 900.0, -20.0])
def test_a_clock_that_begins_anew_or_leaps_ahead_goes_on(again_s: float) -> None:
    assert placed([*run(5.0, 10), *run(again_s, 10)])[0] == even(20, 5.0)


def test_two_streams_that_leap_one_after_the_other_leap_alike() -> None:
    """A recording joined to another: the last picture of the first comes out after the first sound of the second."""
    first = [packet for pair in zip(run(0, 50, 0), run(0, 50, 1), strict=True) for packet in pair]
    late = (1, 50 * STEP_S)
    second = [packet for pair in zip(run(0, 50, 0), run(0.01, 50, 1), strict=True) for packet in pair]
    times = placed([*first, *second[:4], late, *second[4:]])
    assert times[0] == even(100)
    assert sorted(times[1])[-1] - times[0][-1] == pytest.approx(0.01, abs=0.001), "as far apart as the file says"


def test_a_pause_stays_and_a_leap_longer_than_any_pause_does_not() -> None:
    assert placed([*run(0, 5), *run(9.0, 5)])[0][5] == pytest.approx(9.0)
    assert placed([*run(0, 5), *run(2 * LONGEST_PAUSE_S, 5)])[0] == even(10)


@pytest.mark.parametrize("lie_s", [30.0, 3e6, -7.0])
def test_one_damaged_time_moves_nothing_else(lie_s: float) -> None:
    assert placed([*run(0, 10), (0, lie_s), *run(11 * STEP_S, 10)])[0] == even(21)


def test_what_says_no_time_follows_the_one_before() -> None:
    assert placed([*run(0, 3), (0, None), (0, None), *run(5 * STEP_S, 3)])[0] == even(8)


def test_a_file_of_nothing_but_leaps_takes_no_longer_than_it_lasts() -> None:
    """Damage can make any packet claim any time: pauses are believed to an hour in all."""
    packets: list[tuple[int, float | None]] = [(0, 50.0 * number) for number in range(2000)]
    assert max(placed(packets)[0]) < 3600 + 2000 * STEP_S + LONGEST_PAUSE_S

"""Moments come out when they are due, the newest of those that are, and none twice."""

from __future__ import annotations

from avatar.timing.delay_line import DelayLine


def test_a_moment_is_taken_once_it_is_due() -> None:
    line: DelayLine[str] = DelayLine(8)
    line.put(1.0, "a")
    assert line.take(0.9) is None
    assert line.take(1.0) == "a"
    assert line.take(2.0) is None


def test_of_several_due_the_newest_counts() -> None:
    line: DelayLine[int] = DelayLine(8)
    for number in range(5):
        line.put(float(number), number)
    assert line.take(2.5) == 2
    assert line.take(10.0) == 4


def test_it_never_grows() -> None:
    line: DelayLine[int] = DelayLine(3)
    for number in range(100):
        line.put(float(number), number)
    assert line.take(96.5) is None, "older ones have gone"
    assert line.take(97.0) == 97


def test_cleared_it_is_empty() -> None:
    line: DelayLine[int] = DelayLine(3)
    line.put(0.0, 1)
    line.clear()
    assert line.take(5.0) is None

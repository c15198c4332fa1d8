"""What the conversation's benchmark makes of two levels over time."""

from __future__ import annotations

import pytest

pytest.importorskip("selenium", reason="needs selenium (pip install 'avatar[dev]')")

from benchmarks.conversation import latencies, stretches


def levels(*loud: tuple[int, int], until: int = 10_000) -> list[list[float]]:
    return [[float(at), 0.1 if any(a <= at <= b for a, b in loud) else 0.0] for at in range(0, until, 10)]


def test_pauses_between_words_do_not_part_a_sentence() -> None:
    assert stretches(levels((1000, 1500), (1700, 2000), (3000, 3500))) == [(1000, 2000), (3000, 3500)]
    assert stretches(levels()) == []


def test_answers_and_stops_are_measured_from_one_to_the_other() -> None:
    user = stretches(levels((1000, 2000), (4000, 5000)))
    avatar = stretches(levels((2800, 4400), (5900, 8000), (8500, 9000)))
    answers, stops = latencies(user, avatar)
    assert answers == [800, 900] and stops == [400]

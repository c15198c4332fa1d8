"""The figures a call shows about itself."""

from __future__ import annotations

import threading

import pytest

from avatar.timing.meters import StageMeter


def test_rates_are_those_of_the_last_two_seconds() -> None:
    meter = StageMeter()
    for index in range(300):
        meter.tick("picture", index / 30)
    assert meter.rate("picture", 10.0) == pytest.approx(30, rel=0.01)
    assert meter.rate("picture", 13.0) == 0 and meter.rate("camera", 10.0) == 0
    for index in range(20):
        meter.tick("picture", 20 + index / 10)
    assert meter.rate("picture", 21.9) == pytest.approx(10, rel=0.01), "a pause is not averaged in"


def test_a_stages_duration_is_its_recent_median() -> None:
    meter = StageMeter()
    assert meter.median_s("generate") == 0
    for seconds in [9.0] * 100 + [0.010] * 59 + [5.0]:
        meter.add("generate", seconds)
    assert meter.median_s("generate") == pytest.approx(0.010), "one slow picture is not the rule, old ones are past"
    assert meter.medians_ms(["generate", "perceive"]) == {"generate": 10.0}


def test_a_stage_that_fails_is_measured_too() -> None:
    meter = StageMeter()
    with pytest.raises(KeyError), meter.time("generate"):
        raise KeyError
    assert "generate" in meter.medians_ms(["generate"])


def test_reading_while_others_measure_is_safe() -> None:
    meter, done = StageMeter(), threading.Event()

    def measure() -> None:
        index = 0
        while not done.is_set():
            meter.add(f"stage {index % 50}", 0.001)
            meter.tick("picture", index / 1000)
            index += 1

    threads = [threading.Thread(target=measure) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        meter.medians_ms([f"stage {index}" for index in range(50)])
        meter.rate("picture", 1.0)
    done.set()
    for thread in threads:
        thread.join(10)
    assert meter.median_s("stage 1") == 0.001

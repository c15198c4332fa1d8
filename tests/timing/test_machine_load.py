"""What a process uses of its machine, and what nobody uses."""

from __future__ import annotations

import pytest

from avatar.timing.machine_load import EVERY_S, LoadMeter, idle_of, idle_seconds

STAT = """cpu  40 0 20 3000 60 0 0 0 0 0
cpu0 10 0 5 1000 20 0 0 0 0 0
cpu1 10 0 5 500 20 0 0 0 0 0
cpu12 20 0 10 1500 20 0 0 0 0 0
intr 12345 1 2 3
"""


class Machine:
    """A clock, and what its processors have done by then."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.own_s = 7.0
        self.idle_s: float | None = 50.0

    def meter(self) -> LoadMeter:
        return LoadMeter(clock=lambda: self.now_s, own_s=lambda: self.own_s, idle_s=lambda: self.idle_s, cores=3)


def test_the_load_is_that_since_the_reading_before() -> None:
    machine = Machine()
    meter = machine.meter()
    assert meter.read() is None, "nothing is known yet"
    machine.now_s, machine.own_s, machine.idle_s = 102.0, 8.0, 53.0
    load = meter.read()
    assert load is not None and (load.own_cores, load.spare_cores, load.other_cores) == (0.5, 1.5, 1.0)
    machine.now_s += EVERY_S / 2
    assert meter.read() is load, "calls that ask at once get one reading"


def test_a_system_that_does_not_tell_leaves_the_idle_time_open() -> None:
    machine = Machine()
    machine.idle_s = None
    meter = machine.meter()
    machine.now_s += 1.0
    load = meter.read()
    assert load is not None and load.spare_cores is None and load.other_cores is None


def test_idle_time_is_that_of_the_cores_this_process_may_use() -> None:
    assert idle_of(STAT, {0, 12}, 100) == pytest.approx((1000 + 20 + 1500 + 20) / 100)
    assert idle_of(STAT, {1}, 100) == pytest.approx(5.2)


def test_a_form_that_is_not_known_says_nothing() -> None:
    with pytest.raises(ValueError, match="cpu0"):
        idle_of("cpu0 1 2 3\n", {0}, 100)


def test_this_system_tells_what_no_one_uses_or_nothing() -> None:
    idle_s = idle_seconds()
    assert idle_s is None or idle_s >= 0

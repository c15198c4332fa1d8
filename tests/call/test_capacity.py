"""What a server has room for, as it measures itself; under a clock and a machine of the test's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from avatar.call.capacity import SETTLED_S, Capacity, Standing
from avatar.call.modes import weight
from avatar.call.places import Company, Places, company
from avatar.config import PictureSettings
from avatar.errors import ServerFullError
from avatar.timing.machine_load import MachineLoad
from avatar.timing.quality_ladder import LADDER

RUNS = Standing(0, True, 60.0)


class Machine:
    """Two cores, of which the server uses `own` and others use `other`."""

    def __init__(self) -> None:
        self.now_s, self.own, self.other = 100.0, 0.0, 0.0
        self.capacity = Capacity(self, cores=2, clock=lambda: self.now_s)  # type: ignore[arg-type]
        self.capacity.tried(0.6)

    def most(self, *, adapting: bool = True) -> int:
        most = self.capacity.most(adapting=adapting)
        assert most is not None
        return most

    def read(self) -> MachineLoad:
        return MachineLoad(self.own, 2 - self.own - self.other, self.other)

    def run(self, calls: list[Standing], own: float, seconds: int = 60) -> None:
        self.own = own
        for _ in range(seconds):
            self.now_s += 1.0
            self.capacity.look(calls)


def test_calls_are_asked_to_make_room_and_then_one_is_refused() -> None:
    machine, calls, levels = Machine(), [], []
    machine.capacity.tried(0.5)
    while machine.capacity.has_room(calls, RUNS):
        calls.append(RUNS)
        machine.capacity.look(calls)
        levels.append(machine.capacity.shared_level)
    assert levels[0] == 0 and levels == sorted(levels) and levels[-1] > 0
    assert len(calls) == machine.most() > machine.most(adapting=False)


def test_cheap_calls_leave_room_for_more() -> None:
    machine = Machine()
    before = machine.most()
    machine.run([RUNS, RUNS], own=0.5)
    assert machine.capacity.call_cores == pytest.approx(0.25, abs=0.01)
    assert machine.most() > before


def test_a_call_that_is_new_does_not_tell_what_calls_cost() -> None:
    machine = Machine()
    for own in (0.5, 1.8):
        machine.run([RUNS, replace(RUNS, age_s=SETTLED_S - 1)], own=own)
        assert machine.capacity.call_cores == 0.6


def test_calls_that_are_late_can_only_tell_that_they_cost_more() -> None:
    machine, late = Machine(), replace(RUNS, in_time=False)
    machine.run([RUNS, late], own=0.5)
    assert machine.capacity.call_cores == 0.6, "they use what they get"
    machine.run([RUNS, late], own=1.6)
    assert machine.capacity.call_cores == pytest.approx(0.8, abs=0.01)


def test_a_call_that_is_alone_is_not_asked_to_step_down() -> None:
    machine = Machine()
    machine.capacity.tried(7.0)
    machine.capacity.look([RUNS])
    assert machine.capacity.shared_level == 0


def test_other_programs_leave_less_room() -> None:
    machine = Machine()
    machine.other = 1.5
    machine.capacity.look([RUNS, RUNS])
    assert machine.capacity.shared_level > 0


def test_the_only_call_is_always_taken() -> None:
    machine = Machine()
    machine.capacity.tried(7.0)
    assert machine.capacity.has_room([], RUNS) and not machine.capacity.has_room([RUNS], RUNS)
    machine.capacity.look([RUNS, RUNS])
    assert LADDER[machine.capacity.shared_level].cost < 1, "whatever there is is left out"


def test_calls_that_cost_a_little_less_than_before_are_not_sent_up_and_down() -> None:
    machine = Machine()
    machine.run([RUNS] * 3, own=0.0)
    machine.capacity.tried(0.6)
    machine.capacity.look([RUNS] * 3)
    before = machine.capacity.shared_level
    machine.capacity.tried(0.55)
    machine.capacity.look([RUNS] * 3)
    assert machine.capacity.shared_level == before > 0
    machine.capacity.tried(0.3)
    machine.capacity.look([RUNS] * 3)
    assert machine.capacity.shared_level == 0, "much less"
    machine.capacity.tried(0.55)
    machine.capacity.look([RUNS] * 3)
    assert 0 < machine.capacity.shared_level < before


def test_programs_calls_count_as_what_they_cost() -> None:
    machine, bot = Machine(), Standing(None, True, 60.0, weight=0.5)
    bots: list[Standing] = []
    while machine.capacity.has_room(bots, bot):
        bots.append(bot)
    assert len(bots) == 2 * machine.most(adapting=False)


def test_a_call_with_a_larger_picture_counts_as_what_it_costs() -> None:
    usual = PictureSettings()
    large = weight("avatar", replace(usual, width=1024, height=1024), usual)
    assert weight("avatar", usual, usual) == 1 and weight("bot", usual, usual) == 0.5
    assert 1.5 < large < 3
    machine = Machine()
    calls = [replace(RUNS, weight=large)]
    while machine.capacity.has_room(calls, calls[0]):
        calls.append(calls[0])
    assert len(calls) < machine.most()


def test_before_anything_was_measured_there_is_room() -> None:
    capacity = Capacity(Machine(), cores=2)  # type: ignore[arg-type]
    capacity.look([replace(RUNS, age_s=0.0)] * 9)
    assert capacity.has_room([RUNS] * 9, RUNS) and capacity.shared_level == 0
    assert capacity.most(adapting=True) is None and capacity.call_cores == 0


def test_a_server_that_is_overbooked_refuses_only_beyond_what_its_operator_said() -> None:
    capacity = Machine().capacity
    fixed = replace(RUNS, level=None)
    calls = [fixed] * 3
    with pytest.raises(ServerFullError, match="no time for more than 3 calls"):
        Places(capacity, 4, lambda: calls).take(fixed, exhausted=False)
    places = Places(capacity, 4, lambda: calls, overbook=True)
    assert places.limit(adapting=False) == 4
    places.take(fixed, exhausted=True)
    with pytest.raises(ServerFullError, match="All 4 places"):
        places.take(fixed, exhausted=False)
    assert places.refused == 1


def test_the_second_in_a_room_is_let_in_where_the_first_was() -> None:
    machine = Machine()
    machine.capacity.tried(1.9)
    alone = Places(machine.capacity, 4, lambda: [RUNS])
    for exhausted in (True, False):
        with pytest.raises(ServerFullError):
            alone.take(RUNS, exhausted=exhausted)
    alone.take(RUNS, exhausted=True, company=company("a room", {"a room": 1}))
    with pytest.raises(ServerFullError):
        alone.take(RUNS, exhausted=False, company=company("a room", {"a room": 2}))


def test_who_is_alone_in_a_room_has_a_place_kept_for_a_second() -> None:
    machine = Machine()
    most, calls = machine.most(), [RUNS]
    places = Places(machine.capacity, 20, lambda: calls)
    calls *= most - 1
    places.take(RUNS, exhausted=False)()
    with pytest.raises(ServerFullError, match="kept for who is awaited in a room"):
        places.take(RUNS, exhausted=False, company=company(None, {"a room": 1}))
    with pytest.raises(ServerFullError, match="kept for who is awaited in a room"):
        places.take(RUNS, exhausted=False, company=company("another room", {}))
    places.take(RUNS, exhausted=False, company=company("a room", {"a room": 1}))()
    places.take(RUNS, exhausted=False, company=company("a room", {"a room": 2}))()
    calls.clear()
    places.take(RUNS, exhausted=False, company=company("a room", {}))()


def test_who_is_awaited_is_told_by_who_is_alone() -> None:
    people = {"alone": 1, "alone too": 1, "a pair": 2}
    assert company(None, people) == Company(2)
    assert company("a pair", people) == Company(2)
    assert company("alone", people) == Company(1, joins_one=True)
    assert company("a new room", people) == Company(3)

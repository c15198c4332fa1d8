"""The ladder of quality under simulated clocks: down in time, up with care, and never to and fro."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from avatar.timing.quality_control import (
    BITRATE_ROOM,
    LATE_S,
    STEP_S,
    Observation,
    QualityState,
    is_exhausted,
    next_quality,
)
from avatar.timing.quality_ladder import LADDER

EVERY_S = 0.2
LAST = len(LADDER) - 1
QUIET = Observation(wanted_fps=29, sent_fps=30, latency_s=0.03, busy_share=0.4, own_cores=0.6, spare_cores=1.2)


@dataclass
class Machine:
    """Two cores: a call at full quality needs `needs` of them, and gets what others leave."""

    needs: float = 0.9
    others: Callable[[float], float] = lambda now_s: 0.0
    tells_idle: bool = True

    def observe(self, level: int, now_s: float) -> Observation:
        wanted = 30 * LADDER[level].fps_share
        needed = self.needs * LADDER[level].cost
        gets = max(2.0 - self.others(now_s), 0.3)
        crowded = needed / gets
        return Observation(
            wanted_fps=wanted - 1,
            sent_fps=wanted / max(crowded, 1.0),
            latency_s=0.03 if crowded < 0.8 else 0.03 + 0.2 * (crowded - 0.8),
            busy_share=0.5 * crowded,
            own_cores=min(needed, gets),
            spare_cores=max(gets - needed, 0.0) if self.tells_idle else None,
            other_cores=2.0 - gets if self.tells_idle else None,
        )


def run(observe: Callable[[int, float], Observation], seconds: float) -> list[tuple[float, QualityState]]:
    """Return (time, state) of each step, the beginning first."""
    state = QualityState(changed_s=0.0)
    steps = [(0.0, state)]
    for tick in range(1, round(seconds / EVERY_S)):
        now_s = tick * EVERY_S
        after = next_quality(state, observe(state.level, now_s), now_s)
        if after.level != state.level:
            steps.append((now_s, after))
        state = after
    return steps


def load(begin_s: float, end_s: float, cores: float) -> Callable[[float], float]:
    return lambda now_s: cores if begin_s <= now_s < end_s else 0.0


def test_a_call_that_is_in_time_keeps_its_quality() -> None:
    assert len(run(lambda level, now_s: QUIET, 600)) == 1


def test_it_steps_down_within_a_second_and_says_why() -> None:
    steps = run(Machine(others=load(60.0, 600.0, 1.5)).observe, 75)
    at_s, state = steps[1]
    assert 60.0 < at_s <= 61.0 and state.why == "cpu"


@pytest.mark.parametrize(
    ("own", "other", "calls", "why"), [(1.7, 0.2, 3, "calls"), (0.6, 1.4, 3, "cpu"), (1.7, 0.2, 1, "cpu")]
)
def test_it_tells_other_calls_from_other_programs(own: float, other: float, calls: int, why: str) -> None:
    late = replace(QUIET, latency_s=0.3, own_cores=own, other_cores=other, spare_cores=0.0, calls=calls)
    assert run(lambda level, now_s: late, 5)[1][1].why == why


def test_one_step_goes_as_far_as_is_needed() -> None:
    machine = Machine(others=load(60.0, 600.0, 1.5))
    level = run(machine.observe, 75)[1][1].level
    seen = machine.observe(level, 70.0)
    assert level >= 2 and seen.latency_s is not None and seen.latency_s < LATE_S and seen.sent_fps >= seen.wanted_fps


def test_pictures_that_are_late_but_not_too_few_ask_for_a_little_less_work() -> None:
    assert run(lambda level, now_s: replace(QUIET, latency_s=2.0), 4)[1][1].level == 2


def test_a_stumble_of_a_few_pictures_changes_nothing() -> None:
    late = replace(QUIET, latency_s=0.4, sent_fps=20)
    assert len(run(lambda level, now_s: late if 60.0 <= now_s < 60.3 else QUIET, 90)) == 1


@pytest.mark.parametrize(("tells_idle", "within_s"), [(True, 15), (False, 60)])
def test_full_quality_is_back_soon_after_the_load_s_end(tells_idle: bool, within_s: float) -> None:
    """Where the system does not tell what is idle, trials during the load have made the next ones rarer."""
    at_s, state = run(Machine(others=load(20.0, 50.0, 1.6), tells_idle=tells_idle).observe, 200)[-1]
    assert (state.level, state.why) == (0, "") and 50.0 < at_s <= 50.0 + within_s


def test_under_a_load_that_stays_it_does_not_try_what_the_processor_has_no_room_for() -> None:
    steps = run(Machine(others=load(20.0, 1e9, 1.5)).observe, 320)
    assert all(after.level > before.level for (_, before), (_, after) in pairwise(steps)), "only down"


def test_where_the_system_does_not_tell_what_is_idle_failed_trials_grow_rare() -> None:
    def observe(level: int, now_s: float) -> Observation:
        """A call that is in time from the third level on, and shows no sign of it before."""
        return replace(QUIET, own_cores=None, spare_cores=None, sent_fps=30 if level >= 2 else 15)

    trials = [at_s for at_s, state in run(observe, 600) if state.level < 2][1:]
    gaps = [after - before for before, after in pairwise(trials)]
    assert len(trials) <= 8 and all(after > 1.5 * before for before, after in pairwise(gaps))


@pytest.mark.parametrize("period_s", [20, 26, 50, 75])
@pytest.mark.parametrize("cores", [1.2, 1.6, 1.9])
def test_five_minutes_of_load_that_comes_and_goes(period_s: int, cores: float) -> None:
    coming = Machine(others=lambda now_s: cores if now_s % period_s < period_s / 2 else 0.0)
    steps = run(coming.observe, 300)
    changes = steps[1:]
    gaps = [after - before for (before, _), (after, _) in pairwise(changes)]
    assert gaps and min(gaps) >= STEP_S - 1e-6
    levels = [state.level for _, state in steps]
    for begin_s in range(0, 300 - period_s, period_s):
        while_loaded = [state.level for at_s, state in changes if begin_s <= at_s < begin_s + period_s / 2]
        assert while_loaded == sorted(while_loaded) and len(while_loaded) <= 2, "down, and it stays"
        for at_s in range(begin_s + period_s // 2 + 15, begin_s + period_s, 5):
            assert level_at(steps, at_s) == 0, "full quality is back within 15 s"
    turns = sum(
        (after > here) != (here > before) for before, here, after in zip(levels, levels[1:], levels[2:], strict=False)
    )
    assert turns <= 2 * 300 / period_s, "no turn that the load did not take"


@dataclass
class GreedyMachine:
    """Two cores on which other programs take all that a call leaves: nothing ever stands idle. It has its part."""

    part: Callable[[float], float]
    needs: float = 0.64

    def observe(self, level: int, now_s: float) -> Observation:
        part = self.part(now_s)
        seen = Machine(self.needs, others=lambda _: 2.0 - part).observe(level, now_s)
        return replace(seen, spare_cores=0.0, other_cores=2.0 - (seen.own_cores or 0.0))


def test_after_a_stumble_beside_greedy_programs_it_comes_back_to_full_quality() -> None:
    """They take whatever is idle, and give it back to a call that needs it."""
    stumbles = GreedyMachine(part=lambda now_s: 0.25 if 60.0 <= now_s < 62.0 else 1.0)
    steps = run(stumbles.observe, 180)
    assert max(state.level for _, state in steps) >= 2, "it has stepped down in time"
    back_s, back = steps[-1]
    assert (back.level, back.why) == (0, "") and back_s < 110.0


def test_it_tries_ever_more_seldom_what_greedy_programs_leave_no_room_for() -> None:
    def observe(level: int, now_s: float) -> Observation:
        """A call that is in time from the third level on, and shows no sign of it before."""
        return replace(QUIET, spare_cores=0.0, other_cores=1.4, sent_fps=30 if level >= 2 else 15)

    steps = run(observe, 900)
    trials = [at_s for at_s, state in steps if state.level < 2][1:]
    gaps = [after - before for before, after in pairwise(trials)]
    assert len(trials) <= 8 and all(after > 1.5 * before for before, after in pairwise(gaps))
    seconds_late = sum(after - at_s for (at_s, state), (after, _) in pairwise(steps) if state.level < 2)
    assert seconds_late < 0.05 * 900, "trials cost little of the time"


@pytest.mark.parametrize("period_s", [20, 50, 120])
@pytest.mark.parametrize("least", [0.3, 0.45, 0.6])
def test_five_minutes_of_greedy_programs_that_come_and_go(period_s: int, least: float) -> None:
    coming = GreedyMachine(part=lambda now_s: least if now_s % period_s < period_s / 2 else 1.2)
    changes = run(coming.observe, 300)[1:]
    gaps = [after - before for (before, _), (after, _) in pairwise(changes)]
    assert min(gaps, default=STEP_S) >= STEP_S - 1e-6
    levels = [0] + [state.level for _, state in changes]
    turns = sum((c > b) != (b > a) for a, b, c in zip(levels, levels[1:], levels[2:], strict=False))
    assert turns <= 2 * 300 / period_s, "no turn that the load did not take"


def level_at(steps: list[tuple[float, QualityState]], now_s: float) -> int:
    return [state.level for at_s, state in steps if at_s <= now_s][-1]


@pytest.mark.parametrize(
    "aged", [{"camera_age_s": 0.1}, {"picture_age_s": 0.08}, {"frames_waiting": 6}], ids=lambda aged: next(iter(aged))
)
def test_what_waits_is_a_shortage_before_a_picture_has_come_late(aged: dict[str, float]) -> None:
    waiting = replace(QUIET, **aged)  # type: ignore[arg-type]
    at_s, state = run(lambda level, now_s: QUIET if now_s < 30 else waiting, 40)[1]
    assert at_s <= 31.0 and state.why == "cpu"


def test_a_call_that_begins_on_a_busy_machine_does_not_wait_for_its_third_second() -> None:
    at_s, state = run(Machine(others=lambda now_s: 1.8).observe, 10)[1]
    assert at_s <= 2.0 and state.level >= 2


def test_a_server_that_makes_room_for_another_call_has_it_step_down_and_up_again() -> None:
    steps = run(lambda level, now_s: replace(QUIET, shared_level=3 if 20 <= now_s < 40 else 0), 80)
    (down_s, down), (back_s, back) = steps[1], steps[-1]
    assert (down.level, down.why) == (3, "calls") and down_s <= 20.4
    assert back.level == 0 and 40 < back_s <= 55
    assert all(state.level >= 3 for at_s, state in steps if down_s <= at_s < 40), "none takes the room before"


def test_a_call_that_comes_beside_others_is_as_simple_as_they_are_from_its_first_pictures_on() -> None:
    steps = run(lambda level, now_s: replace(QUIET, shared_level=2 if now_s < 2 else 4), 10)
    assert [(round(at_s, 1), state.level) for at_s, state in steps[1:]] == [(EVERY_S, 2), (EVERY_S + STEP_S, 4)]


def test_a_call_that_others_keep_simple_says_so_whatever_it_stepped_down_for() -> None:
    state, whys = QualityState(changed_s=0.0), []
    for tick in range(1, round(60 / EVERY_S)):
        now_s = tick * EVERY_S
        stumbles = replace(QUIET, latency_s=2.0) if 10 <= now_s < 14 else QUIET
        state = next_quality(state, replace(stumbles, shared_level=1 if now_s > 12 else 0), now_s)
        whys.append(state.why)
    assert (state.level, state.why) == (1, "calls") and "cpu" in whys


def test_a_line_that_carries_less_gets_smaller_pictures_and_larger_ones_when_it_has_recovered() -> None:
    steps = run(lambda level, now_s: replace(QUIET, target_bps=250_000 if now_s < 30 else 2_500_000), 90)
    (_, down), (back_s, back) = steps[1], steps[-1]
    assert down.why == "network" and LADDER[down.level].least_bps <= 250_000
    assert back.level == 0 and 30 < back_s <= 45


@pytest.mark.parametrize("trouble", [{"loss": 0.2}, {"round_trip_s": 0.9}])
def test_loss_and_a_queue_in_the_network_make_pictures_smaller(trouble: dict[str, float]) -> None:
    near = replace(QUIET, loss=0.0, round_trip_s=0.05)
    steps = run(lambda level, now_s: near if now_s < 10 else replace(near, **trouble), 20)
    assert steps[1][1].why == "network" and steps[1][1].level >= 2, "what is sent has to become less"


def test_a_server_that_is_late_does_not_blame_the_line() -> None:
    late = replace(QUIET, latency_s=0.3, loss=0.2, round_trip_s=0.9)
    assert run(lambda level, now_s: QUIET if now_s < 10 else late, 12)[1][1].why == "cpu"


def test_a_line_far_away_is_no_queue() -> None:
    assert len(run(lambda level, now_s: replace(QUIET, round_trip_s=0.7), 60)) == 1


def test_every_step_of_the_ladder_takes_less() -> None:
    for better, plainer in pairwise(LADDER):
        assert plainer.cost < better.cost
        for name in ("picture_scale", "fps_share", "most_bps", "least_bps"):
            assert getattr(plainer, name) <= getattr(better, name), name
        assert plainer.look_every >= better.look_every
        assert plainer.camera.max_bitrate_bps < better.camera.max_bitrate_bps
        assert plainer.most_bps >= BITRATE_ROOM * better.least_bps, "its ceiling is no reason to stay"


def test_the_last_level_stays_whatever_comes() -> None:
    late = replace(QUIET, sent_fps=3, latency_s=1.0)
    at_s, state = run(lambda level, now_s: late, 60)[-1]
    assert state.level == LAST and not is_exhausted(state, at_s)
    for tick in range(1, 6):
        state = next_quality(state, late, at_s + tick * EVERY_S)
    assert is_exhausted(state, at_s + 5 * EVERY_S), "there is nothing left to leave out"
    state = next_quality(state, QUIET, at_s + 6 * EVERY_S)
    assert not is_exhausted(state, at_s + 6 * EVERY_S)


def test_the_page_of_the_docs_shows_the_ladder() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    table = page.split("## Quality control", 1)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| \d .*$", table, re.M)]
    assert rows == [shown(number) for number in range(len(LADDER))]


def shown(number: int) -> list[str]:
    """Return the row of a level in the docs' table."""
    level = LADDER[number]
    camera = level.camera
    return [
        str(number),
        "as asked" if level.picture_scale == 1 else f"{level.picture_scale:g} x",
        "geometry" if level.plain else "as asked",
        "every frame" if level.look_every == 1 else f"every {({2: '2nd', 3: '3rd'})[level.look_every]} frame",
        "as asked" if level.fps_share == 1 else f"{level.fps_share:.2f} x",
        "as set" if level.most_bps >= 20_000_000 else f"{level.most_bps // 1000} kbit/s",
        f"{level.least_bps // 1000} kbit/s" if level.least_bps else "",
        f"{camera.width}x{camera.height}, {camera.fps} fps, {camera.max_bitrate_bps // 1000} kbit/s",
        f"{level.cost:.2f}",
    ]

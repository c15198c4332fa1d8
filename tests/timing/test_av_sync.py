"""Sound in step with its pictures, under simulated clocks: how long it waits, and when it is given up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from avatar.timing.av_sync import (
    BEHIND_S,
    CATCH_UP_PER_S,
    CAUGHT_UP_S,
    FALL_PER_S,
    LATE_S,
    LONGEST_HOLD_S,
    OPUS_LOOKAHEAD_S,
    RISE_PER_S,
    SoundDelay,
    av_offset_s,
    blocks_to_drop,
    hold_s,
    observe_picture,
    shown_moment_s,
    sound_age_s,
)

BLOCK_S = 0.02
FPS = 30


def run(latencies: list[float], state: SoundDelay | None = None, *, fps: int = FPS) -> list[SoundDelay]:
    """Return the state after each picture."""
    state = SoundDelay() if state is None else state
    start_s = state.updated_s or 0.0
    states = []
    for index, latency in enumerate(latencies, start=1):
        sent_s = start_s + index / fps
        state = observe_picture(state, sent_s - latency, sent_s)
        states.append(state)
    return states


def test_the_first_picture_sets_the_delay_at_once() -> None:
    assert run([0.08])[-1].delay_s == pytest.approx(0.08)


def test_a_steady_latency_is_met_exactly() -> None:
    assert run([0.05] * 300)[-1].delay_s == pytest.approx(0.05, abs=1e-6)


def test_sound_catches_up_quickly_when_pictures_slow_down() -> None:
    slow = run([0.04] * 60 + [0.2] * 90)
    assert slow[-1].delay_s == pytest.approx(0.2, abs=0.01)
    for before, after in pairwise(slow):
        assert after.delay_s - before.delay_s <= RISE_PER_S / FPS + 1e-9, "never a gap that can be heard"


def test_sound_comes_back_slowly_when_pictures_speed_up_a_little() -> None:
    fast = run([0.1] * 60 + [0.045] * 60)
    assert fast[-1].delay_s > 0.045, "two seconds are not enough to cut 55 ms out of a sentence"
    for before, after in pairwise(fast):
        assert before.delay_s - after.delay_s <= FALL_PER_S / FPS + 1e-9
    assert run([0.045] * 300, fast[-1])[-1].delay_s == pytest.approx(0.045, abs=0.01)


def test_sound_far_behind_catches_up_within_two_seconds_without_a_gap() -> None:
    """As after a step down of the quality: pictures that took 400 ms take 80 again."""
    fast = run([0.4] * 90 + [0.08] * 60)
    assert fast[-1].delay_s - 0.08 <= BEHIND_S, "no longer noticed"
    for before, after in pairwise(fast):
        assert before.delay_s - after.delay_s <= CATCH_UP_PER_S / FPS + 1e-9, "blocks stay in order, and none is lost"


def test_one_late_picture_hardly_matters() -> None:
    assert max(state.delay_s for state in run([0.05] * 60 + [0.35] + [0.05] * 60)) < 0.07, "of 0.35"


@pytest.mark.parametrize("latency", [1e9, float("inf")])
def test_sound_is_never_held_longer_than_the_most(latency: float) -> None:
    assert max(state.delay_s for state in run([latency] * 600)) <= LONGEST_HOLD_S


def test_clocks_that_disagree_give_no_negative_delay() -> None:
    assert min(state.delay_s for state in run([0.05] * 30 + [-1.0] * 600)) >= 0
    standing = observe_picture(SoundDelay(0.1, 0.1, 5.0), 4.7, 5.0)
    assert standing.delay_s == 0.1
    assert observe_picture(SoundDelay(0.1, 0.1, 5.0), 3.7, 4.0).delay_s == 0.1


def test_a_picture_shows_the_moment_whose_sound_is_heard_with_it() -> None:
    """A camera's own frame as it came; a voice, and a camera beside it, as long ago as the voice is heard ahead."""
    assert shown_moment_s("camera", 10.0, 9.96, 0.12) == 9.96
    assert shown_moment_s("camera", 10.0, None, 0.12) == 10.0, "idle life is of now"
    assert shown_moment_s("voice", 10.0, 9.96, 0.12) == pytest.approx(9.88)
    assert shown_moment_s("both", 10.0, 9.96, 0.12) == pytest.approx(9.88)
    assert shown_moment_s("conversation", 10.0, 9.96, 0.12) == 10.0, "its own voice comes early enough"


def test_sound_is_held_for_what_its_picture_takes_less_what_it_is_older() -> None:
    """A block comes once its last sample was recorded: it has waited for its own length already."""
    state = SoundDelay(delay_s=0.1)
    age_s = sound_age_s(0.02)
    assert hold_s(state, age_s) == pytest.approx(0.1 - 0.02 - 2 * OPUS_LOOKAHEAD_S)
    assert hold_s(state, sound_age_s(0.06)) == pytest.approx(hold_s(state, age_s) - 0.04)
    assert hold_s(SoundDelay(), age_s) == 0, "nothing is sent before it has come"
    sent_on_s = sound_age_s(0.02, encoded_again=False)
    assert hold_s(state, sent_on_s) == pytest.approx(hold_s(state, age_s) + OPUS_LOOKAHEAD_S), "nothing delays it here"


def test_sound_held_like_that_is_heard_with_its_picture() -> None:
    """Pictures take 90 ms to leave; blocks of sound of the same moments leave with them, whatever their length."""
    state = run([0.09] * 60)[-1]
    for frame_s in (0.01, 0.02, 0.06):
        assert av_offset_s([0.09], [hold_s(state, sound_age_s(frame_s)) + sound_age_s(frame_s)]) == pytest.approx(
            0.0, abs=1e-3
        )


def test_the_offset_is_what_sound_is_later_than_its_picture() -> None:
    assert av_offset_s([0.03] * 30 + [1.0], [0.035] * 50) == pytest.approx(0.005)
    assert av_offset_s([0.03], [0.01]) == pytest.approx(-0.02)
    assert av_offset_s([], [0.01]) is None and av_offset_s([0.03], []) is None


def waiting(first_s: float, count: int) -> list[float]:
    return [first_s + BLOCK_S * number for number in range(count)]


def test_nothing_is_given_up_while_it_is_hardly_late() -> None:
    assert blocks_to_drop([], 5.0) == 0
    for late_s in (-1.0, 0.0, 0.06, LATE_S - 0.001):
        assert blocks_to_drop(waiting(5.0 - late_s, 60), 5.0) == 0, late_s


def test_late_sound_is_given_up_until_it_is_in_step() -> None:
    for late_s in (LATE_S + 0.001, 0.3, 1.0):
        line = waiting(5.0 - late_s, 64)
        left = line[blocks_to_drop(line, 5.0) :]
        assert 0 <= 5.0 - left[0] <= CAUGHT_UP_S, late_s


def test_the_newest_sound_is_never_given_up() -> None:
    assert blocks_to_drop(waiting(1.0, 3), 100.0) == 2


def test_a_machine_too_slow_for_all_of_it_stays_in_step() -> None:
    """Half of all blocks can be sent: without giving up, sound would trail by a whole queue for good."""
    line: list[float] = []
    worst_s, sent = 0.0, 0
    for tick in range(500):
        now_s = tick * BLOCK_S
        line.append(now_s)
        if tick % 2:
            del line[: blocks_to_drop(line, now_s)]
            worst_s, sent = max(worst_s, now_s - line.pop(0)), sent + 1
    assert worst_s <= LATE_S and sent == 250


def test_a_stall_costs_what_was_missed_and_no_more() -> None:
    line, now_s = waiting(0.0, 50), 1.0
    del line[: blocks_to_drop(line, now_s)]
    assert len(line) <= 3
    later = [*line[1:], *waiting(1.0, 5)]
    assert blocks_to_drop(later, now_s + 0.05) == 0

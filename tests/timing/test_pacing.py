"""Timing rules under simulated clocks: how long sound waits, and who sets the pace of pictures."""

from __future__ import annotations

from itertools import pairwise

import pytest

from avatar.timing.pacing import (
    CADENCE_HOLD_S,
    CAMERA_HOLD_S,
    FALL_PER_S,
    MAX_AUDIO_DELAY_S,
    RISE_PER_S,
    AudioDelay,
    Cadence,
    camera_holds,
    next_cadence,
    next_turn,
    observe_picture,
)

FPS = 30


def run(latencies: list[float], state: AudioDelay | None = None, *, fps: int = FPS) -> list[AudioDelay]:
    """Return the state after each picture."""
    state = AudioDelay() if state is None else state
    start_s = state.updated_s or 0.0
    states = []
    for index, latency in enumerate(latencies, start=1):
        state = observe_picture(state, latency, start_s + index / fps)
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


def test_sound_comes_back_slowly_when_pictures_speed_up() -> None:
    fast = run([0.2] * 60 + [0.04] * 90)
    assert fast[-1].delay_s > 0.04, "three seconds are not enough to cut 160 ms out of a sentence"
    for before, after in pairwise(fast):
        assert before.delay_s - after.delay_s <= FALL_PER_S / FPS + 1e-9
    assert run([0.04] * 300, fast[-1])[-1].delay_s == pytest.approx(0.04, abs=0.01)


def test_one_late_picture_hardly_matters() -> None:
    assert max(state.delay_s for state in run([0.05] * 60 + [0.35] + [0.05] * 60)) < 0.07, "of 0.35"


@pytest.mark.parametrize("latency", [1e9, float("inf")])
def test_sound_is_never_held_longer_than_the_most(latency: float) -> None:
    assert max(state.delay_s for state in run([latency] * 600)) <= MAX_AUDIO_DELAY_S


def test_clocks_that_disagree_give_no_negative_delay() -> None:
    assert min(state.delay_s for state in run([0.05] * 30 + [-1.0] * 600)) >= 0
    standing = observe_picture(AudioDelay(0.1, 0.1, 5.0), 0.3, 5.0)
    assert standing.delay_s == 0.1
    assert observe_picture(AudioDelay(0.1, 0.1, 5.0), 0.3, 4.0).delay_s == 0.1


def test_the_first_picture_of_all_comes_at_once() -> None:
    turn = next_turn(100.0, None, None, FPS)
    assert turn.idle and turn.wait_s == 0


def test_without_a_camera_pictures_keep_the_rate_asked_for() -> None:
    now_s, last_s, pictures = 0.0, None, 0
    while now_s < 10.0:
        turn = next_turn(now_s, None, last_s, FPS)
        if turn.idle:
            last_s, pictures = now_s, pictures + 1
            now_s += 0.004  # to draw it
        else:
            assert 0 < turn.wait_s <= 1 / FPS
            now_s += turn.wait_s
    assert pictures == pytest.approx(10 * FPS, abs=2)


def test_a_camera_that_sends_sets_the_pace() -> None:
    """Between its frames no idle picture gets in its way, even when a frame is late by two."""
    for since_camera in (0.0, 1 / FPS, 2.9 / FPS):
        turn = next_turn(10.0 + since_camera, 10.0, 10.0, FPS)
        assert not turn.idle and turn.wait_s > 0


def test_when_the_camera_stalls_pictures_go_on() -> None:
    assert next_turn(10.11, 10.0, 10.0, FPS).idle
    assert not next_turn(10.12, 10.0, 10.11, FPS).idle, "at their own rate"
    assert next_turn(10.15, 10.0, 10.11, FPS).idle


def test_a_slow_camera_holds_the_face_between_its_frames() -> None:
    """At five frames a second the face must not sink towards rest and come back five times a second."""
    assert camera_holds(10.0 + 1 / 5, 10.0) and camera_holds(10.0, 10.0)
    assert not camera_holds(10.0 + CAMERA_HOLD_S + 0.01, 10.0), "but one that was switched off lets go"
    assert not camera_holds(10.0, None)


def cadence_after(full_s: float, other_s: float, seconds: float = 30.0, start: Cadence | None = None) -> Cadence:
    """Return where a machine of this speed ends up."""
    cadence = Cadence() if start is None else start
    for step in range(int(seconds * FPS)):
        cadence = next_cadence(cadence, full_s, other_s, 1 / FPS, cadence.changed_s + step / FPS)
    return cadence


def test_a_fast_machine_draws_every_picture_in_full() -> None:
    assert cadence_after(0.015, 0.0).key_every == 1


def test_a_machine_too_slow_for_every_picture_draws_every_other() -> None:
    assert cadence_after(0.035, 0.012).key_every == 2


def test_one_far_too_slow_draws_every_third_and_no_fewer() -> None:
    assert cadence_after(0.080, 0.030).key_every == 3


def test_when_there_is_time_again_every_picture_is_in_full_again() -> None:
    assert cadence_after(0.012, 0.010, start=Cadence(3, 0.0)).key_every == 1


def test_a_machine_at_the_limit_does_not_swing_to_and_fro() -> None:
    settled = cadence_after(0.030, 0.012)
    assert settled.key_every == 2
    assert cadence_after(0.030, 0.012, start=settled).key_every == 2


def test_one_slow_moment_is_not_enough() -> None:
    assert next_cadence(Cadence(1, 10.0), 0.1, 0.0, 1 / FPS, 10.0 + CADENCE_HOLD_S / 2).key_every == 1

"""Who sets the pace of pictures, and how many are drawn in full, under simulated clocks."""

from __future__ import annotations

import pytest

from avatar.timing.pacing import (
    CADENCE_HOLD_S,
    CAMERA_HOLD_S,
    Cadence,
    camera_holds,
    next_cadence,
    next_due,
    next_picture,
)

FPS = 30


def test_the_first_picture_of_all_comes_at_once() -> None:
    turn = next_picture(100.0, None, None, FPS)
    assert turn.idle and turn.wait_s == 0


def test_without_a_camera_pictures_keep_the_rate_asked_for() -> None:
    now_s, last_s, pictures = 0.0, None, 0
    while now_s < 10.0:
        turn = next_picture(now_s, None, last_s, FPS)
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
        turn = next_picture(10.0 + since_camera, 10.0, 10.0, FPS)
        assert not turn.idle and turn.wait_s > 0


def test_when_the_camera_stalls_pictures_go_on() -> None:
    assert next_picture(10.11, 10.0, 10.0, FPS).idle
    assert not next_picture(10.12, 10.0, 10.11, FPS).idle, "at their own rate"
    assert next_picture(10.15, 10.0, 10.11, FPS).idle


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


@pytest.mark.parametrize(("camera_fps", "fps"), [(30, 20), (30, 15), (30, 10), (60, 24), (25, 20)])
def test_a_camera_that_sends_more_than_is_wanted_drives_as_many_pictures_as_are_wanted(
    camera_fps: int, fps: int
) -> None:
    due_s, taken = None, 0
    for index in range(10 * camera_fps):
        late_s = 0.3 / camera_fps * (index % 3)  # they do not come evenly
        following_s = next_due(index / camera_fps + late_s, due_s, fps)
        if following_s is not None:
            due_s, taken = following_s, taken + 1
    assert taken == pytest.approx(10 * fps, rel=0.05)


def test_a_camera_that_sends_no_more_than_is_wanted_drives_a_picture_with_each_frame() -> None:
    due_s: float | None = None
    for index in range(150):
        due_s = next_due(index / 15, due_s, 15)
        assert due_s is not None

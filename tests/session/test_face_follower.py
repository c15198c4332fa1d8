"""Which camera frames are looked at: a pure function of when they arrive and what moves the avatar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from avatar.session.face_follower import LookSchedule, next_look


def looks(arrivals_s: Iterable[float], drive: Any = "camera", *, fps: int = 30, look_every: int = 1) -> Counter[str]:
    """Return how many of the frames were looked at, guessed and left out, of a camera that may send 30 a second."""
    schedule, done = LookSchedule(), Counter[str]()
    for arrival_s in arrivals_s:
        schedule, look = next_look(schedule, arrival_s, drive, camera_fps=30, fps=fps, look_every=look_every)
        done[look] += 1
    return done


TWO_SECONDS = [number / 30 for number in range(60)]


@pytest.mark.parametrize("drive", ["camera", "both"])
def test_every_frame_that_moves_the_avatar_is_looked_at(drive: str) -> None:
    assert looks(TWO_SECONDS, drive) == {"look": 60}


def test_a_camera_that_moves_nothing_costs_nothing() -> None:
    assert looks(TWO_SECONDS, "voice") == {"skip": 60}


def test_in_a_conversation_the_user_is_looked_at_now_and_then() -> None:
    done = looks(TWO_SECONDS, "conversation", look_every=3)
    assert 9 <= done["look"] <= 11 and set(done) == {"look", "skip"}


def test_a_simpler_call_looks_at_every_third_frame_and_guesses_the_others() -> None:
    assert looks(TWO_SECONDS, look_every=3) == {"expect": 40, "look": 20}


@pytest.mark.parametrize("jitter_s", [0.0, 0.004])
def test_frames_beyond_the_wanted_rate_are_left_out_evenly(jitter_s: float) -> None:
    arrivals_s = [at_s + (jitter_s if number % 2 else -jitter_s) for number, at_s in enumerate(TWO_SECONDS)]
    done = looks(arrivals_s, fps=20)
    assert abs(done["look"] - 40) <= 2 and done["look"] + done["skip"] == 60


def test_a_camera_that_sends_more_than_it_may_is_not_held_back_while_all_is_wanted() -> None:
    assert looks([number / 60 for number in range(60)]) == {"look": 60}

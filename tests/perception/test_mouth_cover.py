"""Something before a real mouth is noticed at once, and talking, turning, light and noise are not taken for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from avatar.media.frame_pixels import RgbPixels
from avatar.perception.mouth_cover import (
    BACK,
    BOUNDS,
    FARTHEST_TURN,
    GAP,
    LEARN_S,
    LEARNT_ABOVE,
    RELEARN_S,
    SMOOTH_S,
    TURNED_S,
    USUAL,
    CoverState,
    MouthCoverDetector,
    mouth_pattern,
    next_cover,
)
from avatar.perception.tracker import FaceTracker
from avatar.types import FaceState
from benchmarks.occluders import OCCLUDERS, cover, skin_of

STEP_S = 1 / 30
LEARNT = CoverState(seen_s=LEARN_S)
AHEAD = np.zeros(3, np.float32)


def found(state: FaceState | None) -> FaceState:
    assert state is not None
    return state


def run(state: CoverState, match: float, seconds: float) -> CoverState:
    for _ in range(round(seconds / STEP_S)):
        state = next_cover(state, match, STEP_S)
    return state


def test_nothing_is_said_before_the_mouth_is_known() -> None:
    assert not run(CoverState(), 0.0, LEARN_S - STEP_S).covered
    assert not LEARNT.covered


def test_a_match_that_falls_far_is_a_cover_and_one_frame_of_it_is_not() -> None:
    assert not next_cover(run(LEARNT, 0.9, 2), 0.0, STEP_S).covered
    covered = run(run(LEARNT, 0.9, 2), 0.0, 2 * SMOOTH_S)
    assert covered.covered
    assert not run(covered, covered.bound + BACK / 2, 0.1).teaches(covered.bound + BACK / 2)
    assert not run(covered, 0.9, 3 * SMOOTH_S).covered


def test_who_usually_matches_less_well_is_given_more_room() -> None:
    lively, calm = run(LEARNT, 0.75, 20), run(LEARNT, 0.95, 20)
    assert lively.bound < calm.bound
    assert lively.bound == pytest.approx(max(0.75 - GAP, BOUNDS[0]), abs=0.01)
    assert not run(lively, 0.42, 1).covered
    assert run(calm, 0.42, 1).covered
    assert run(calm, 0.42, 1).usual == pytest.approx(calm.usual, abs=0.05), "a cover is not usual"


def test_what_stays_is_taken_for_how_the_person_looks_now() -> None:
    covered = run(LEARNT, 0.1, RELEARN_S - 0.2)
    assert covered.covered
    assert run(covered, 0.1, 0.5).seen_s < LEARN_S


def test_only_a_mouth_that_is_plainly_seen_is_learnt_from() -> None:
    assert LEARNT.teaches(LEARNT.bound + LEARNT_ABOVE + 0.01)
    assert not LEARNT.teaches(LEARNT.bound + LEARNT_ABOVE - 0.01)
    assert CoverState().teaches(-1.0)
    assert replace(LEARNT, usual=USUAL).bound == pytest.approx(USUAL - GAP)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(OCCLUDERS))
def test_a_cover_is_noticed_and_its_end_too(tracker: FaceTracker, shot: Any, kind: str) -> None:
    frames = [shot(noise=index) for index in range(75)]
    seen = [found(tracker.track(frames[index], index * STEP_S)) for index in range(30)]
    assert not any(face.mouth_covered for face in seen)
    occluder = OCCLUDERS[kind](np.random.default_rng(3), skin_of(frames[29], seen[-1].landmarks_px))
    hidden = [
        tracker.track(cover(frames[index], seen[-1].landmarks_px, occluder), index * STEP_S) for index in range(30, 50)
    ]
    # 0.3 s after the cover is there. Behind a phone the landmarker loses this portrait's face, which is as good.
    assert all(face is None or face.held or face.mouth_covered for face in hidden[9:])
    assert kind == "phone" or all(found(face).confidence == 1 for face in hidden)
    free = [found(tracker.track(frames[index], index * STEP_S)) for index in range(50, 75)]
    assert not any(face.mouth_covered for face in free[12:])


@pytest.mark.slow
def test_a_hand_that_hides_the_whole_face_for_a_moment_is_not_learnt(tracker: FaceTracker, shot: Any) -> None:
    seen = [found(tracker.track(shot(noise=index), index * STEP_S)) for index in range(40)]
    occluder = OCCLUDERS["microphone"](np.random.default_rng(3), skin_of(shot(), seen[-1].landmarks_px))
    black = np.zeros((480, 640, 3), np.uint8)
    assert [tracker.track(black, (40 + index) * STEP_S) for index in range(20)][-1] is None
    covered = cover(shot(), seen[-1].landmarks_px, occluder)
    back = [tracker.track(covered, (60 + index) * STEP_S) for index in range(15)]
    assert found(back[-1]).mouth_covered


@pytest.mark.slow
def test_light_size_and_turns_are_no_cover(tracker: FaceTracker, shot: Any) -> None:
    for index in range(120):
        part = np.sin(index / 15)
        frame = shot(x=60 * part, scale=1 + 0.3 * part, roll=15 * part, noise=index)
        light = np.array([0.75 + 0.25 * part, 0.75 + 0.2 * part, 0.75 + 0.3 * part])
        face = tracker.track((frame * light).astype(np.uint8), index * STEP_S)
        assert not found(face).mouth_covered


def test_a_head_turned_far_is_not_judged_but_learnt_anew(tracker: FaceTracker, shot: Any) -> None:
    """A picture of something else stands for the other side of the face."""
    landmarks = found(tracker.track(shot(), 0.0)).landmarks_px
    ahead, other = RgbPixels(shot()), RgbPixels(shot(y=70))
    aside = np.array([0, 1.5 * FARTHEST_TURN, 0], np.float32)
    watch = MouthCoverDetector()
    for _ in range(40):
        assert not watch.update(ahead, landmarks, AHEAD, STEP_S)
    said = [watch.update(other, landmarks, aside, STEP_S) for _ in range(round((TURNED_S + 2 * LEARN_S) / STEP_S))]
    assert not any(said)
    assert any(watch.update(ahead, landmarks, aside, STEP_S) for _ in range(12)), "how it was is a cover now"
    same = MouthCoverDetector()
    for _ in range(40):
        same.update(ahead, landmarks, AHEAD, STEP_S)
    assert any(same.update(other, landmarks, AHEAD, STEP_S) for _ in range(12)), "the same, without the turn"


def test_a_mouth_outside_the_picture_says_nothing(tracker: FaceTracker, shot: Any) -> None:
    landmarks = found(tracker.track(shot(), 0.0)).landmarks_px
    frame = shot()
    assert mouth_pattern(RgbPixels(frame), landmarks + 5000) is None
    assert mouth_pattern(RgbPixels(frame), landmarks - 5000) is None
    partly = mouth_pattern(RgbPixels(frame[: int(landmarks[17, 1])]), landmarks)
    assert partly is not None and np.isfinite(partly).all()
    assert not MouthCoverDetector().update(RgbPixels(frame), landmarks + 5000, AHEAD, STEP_S)
    flat = mouth_pattern(RgbPixels(np.full((480, 640, 3), 7, np.uint8)), landmarks)
    assert flat is not None and np.isfinite(flat).all()

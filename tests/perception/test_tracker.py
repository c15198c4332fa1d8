"""The tracker on a real face moved as before a camera: found, followed, held, lost, found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar.errors import FrameError, PerceptionError
from avatar.face.pose import rotation_vector, to_head_frame
from avatar.media.colour import camera_rgb, to_i420
from avatar.media.frame_pixels import camera_pixels
from avatar.perception.tracker import HOLD_S, FaceTracker
from avatar.types import FaceState

FPS = 30.0
BLACK = np.zeros((480, 640, 3), np.uint8)


def found(state: FaceState | None) -> FaceState:
    assert state is not None
    return state


@pytest.mark.slow
def test_follows_a_face_that_moves_turns_and_comes_nearer(tracker: FaceTracker, shot: Any) -> None:
    states = []
    for index in range(45):
        part = index / 44
        frame = shot(x=80 * part, y=-20 * part, scale=1 + 0.3 * part, roll=15 * part, noise=index)
        states.append(found(tracker.track(frame, index / FPS)))
    first, last = states[0], states[-1]
    assert last.pose.translation_px[0] - first.pose.translation_px[0] == pytest.approx(80, abs=8)
    assert last.pose.scale / first.pose.scale == pytest.approx(1.3, rel=0.05)
    turned = np.degrees(rotation_vector(last.pose.rotation)[2] - rotation_vector(first.pose.rotation)[2])
    assert turned == pytest.approx(15, abs=3)
    assert all(state.confidence == 1.0 and not state.held for state in states)
    assert last.frame_size == (640, 480)
    # Nothing but the head moved, so the face in its own frame is as it was.
    shapes = [to_head_frame(state.landmarks_px, state.pose) for state in (first, last)]
    assert np.linalg.norm(shapes[0] - shapes[1], axis=1).mean() < 0.03


@pytest.mark.slow
def test_a_still_face_under_camera_noise_is_still(tracker: FaceTracker, shot: Any) -> None:
    states = [found(tracker.track(shot(noise=index), index / FPS)) for index in range(75)][30:]
    points = np.array([state.landmarks_px[:468, :2] for state in states]) / states[0].pose.scale
    # Head units: 0.1 % is a tenth of a pixel for a face of 200 px.
    assert points.std(0).mean() < 0.001
    assert np.sqrt((np.diff(points, axis=0) ** 2).mean()) < 0.001


def test_a_camera_s_frame_is_followed_like_its_rgb(face_model: Path, tracker: FaceTracker, shot: Any) -> None:
    with FaceTracker(face_model) as other:
        for index in range(4):
            i420 = to_i420(shot(x=10.0 * index, roll=5.0 * index, noise=index))
            frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
            seen = found(tracker.track(camera_pixels(frame), index / FPS))
            expected = found(other.track(camera_rgb(frame), index / FPS))
            assert np.array_equal(seen.landmarks_px, expected.landmarks_px)
            assert np.array_equal(seen.blendshapes, expected.blendshapes)
        assert seen.frame_size == (640, 480)
        tiny = camera_pixels(av.VideoFrame(8, 8, "yuv420p"))
        assert found(tracker.track(tiny, 0.2)).held, "a frame without a face"


def test_a_lost_face_is_held_fading_and_then_gone(tracker: FaceTracker, shot: Any) -> None:
    last = found(tracker.track(shot(), 0.0))
    held = [tracker.track(BLACK, (index + 1) / FPS) for index in range(15)]
    seen = [state for state in held if state is not None]
    assert len(seen) == pytest.approx(HOLD_S * FPS, abs=1) and held[len(seen) :] == [None] * (15 - len(seen))
    confidence = [state.confidence for state in seen]
    assert confidence == sorted(confidence, reverse=True) and 0.0 < confidence[-1] < 0.2 and confidence[0] > 0.8
    assert all(np.array_equal(state.landmarks_px, last.landmarks_px) and state.held for state in seen)
    assert [state.time_s for state in seen] == [pytest.approx((index + 1) / FPS) for index in range(len(seen))]


def test_between_looks_a_face_is_expected_to_move_on(tracker: FaceTracker, shot: Any) -> None:
    assert tracker.expect(0.0) is None, "nobody was seen yet"
    looks = [found(tracker.track(shot(x=4.0 * index), index / FPS)) for index in range(0, 24, 2)]
    step = looks[-1].pose.translation_px[0] - looks[-2].pose.translation_px[0]
    expected = found(tracker.expect(23 / FPS))
    moved = expected.pose.translation_px[0] - looks[-1].pose.translation_px[0]
    assert 0.25 * step < moved < 0.75 * step and not expected.held, "half of two frames' way"
    assert expected.landmarks_px[:, 0].mean() - looks[-1].landmarks_px[:, 0].mean() == pytest.approx(moved, abs=0.5)
    after = found(tracker.track(shot(x=96.0), 24 / FPS))
    assert after.pose.translation_px[0] - looks[-1].pose.translation_px[0] == pytest.approx(8.0, abs=3)


def test_a_held_face_is_expected_where_it_is_held(tracker: FaceTracker, shot: Any) -> None:
    for index in range(5):
        tracker.track(shot(x=4.0 * index), index / FPS)
    held = found(tracker.track(BLACK, 5 / FPS))
    expected = found(tracker.expect(6 / FPS))
    assert expected.held and np.array_equal(expected.landmarks_px, held.landmarks_px)
    for index in range(6, 25):
        tracker.track(BLACK, index / FPS)
    assert tracker.expect(25 / FPS) is None


def test_found_again_elsewhere_it_is_there_at_once(tracker: FaceTracker, shot: Any, face_model: Path) -> None:
    for index in range(5):
        tracker.track(shot(), index / FPS)
    for index in range(5, 25):
        tracker.track(BLACK, index / FPS)
    again = found(tracker.track(shot(x=150.0), 25 / FPS))
    with FaceTracker(face_model) as fresh:
        expected = found(fresh.track(shot(x=150.0), 0.0))
    assert np.abs(again.landmarks_px - expected.landmarks_px).max() < 0.05 * again.pose.scale


def test_the_first_sight_of_a_still_face_is_like_all_later_ones(tracker: FaceTracker, shot: Any) -> None:
    """A calibration averages from the first frame on: a face just met must not measure otherwise than one followed."""
    states = [found(tracker.track(shot(), index / FPS)) for index in range(20)]
    apart = np.linalg.norm((states[0].landmarks_px - states[-1].landmarks_px)[:, :2], axis=1).mean()
    assert apart < 0.0015 * np.ptp(states[-1].landmarks_px[:, 1])
    assert np.abs(states[0].blendshapes - states[-1].blendshapes).max() < 0.05, "where it is met, 0.13"


def test_no_face_in_black_grey_tiny_or_empty_frames(tracker: FaceTracker) -> None:
    frames = [
        BLACK,
        np.full((480, 640, 3), 128, np.uint8),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ]
    assert [tracker.track(frame, index / FPS) for index, frame in enumerate(frames)] == [None] * 4


@pytest.mark.parametrize(
    "frame",
    [np.zeros((480, 640), np.uint8), np.zeros((480, 640, 4), np.uint8), np.zeros((480, 640, 3), np.float32)],
    ids=["grey", "alpha", "float"],
)
def test_what_is_no_rgb_frame_is_refused_and_tracking_goes_on(tracker: FaceTracker, shot: Any, frame: Any) -> None:
    tracker.track(shot(), 0.0)
    with pytest.raises(FrameError):
        tracker.track(frame, 0.033)
    assert found(tracker.track(shot(), 0.066)).confidence == 1.0


def test_a_camera_that_changes_size_mid_call(tracker: FaceTracker, shot: Any) -> None:
    for index in range(5):
        big = found(tracker.track(shot(), index / FPS))
    half = found(tracker.track(shot()[::2, ::2], 5 / FPS))
    assert half.frame_size == (320, 240)
    assert half.landmarks_px[1, :2] * 2 == pytest.approx(big.landmarks_px[1, :2], abs=0.06 * big.pose.scale)
    assert half.confidence == 1.0
    portrait = np.ascontiguousarray(shot()[:, 120:520])
    assert found(tracker.track(portrait, 6 / FPS)).frame_size == (400, 480)


def test_a_size_change_forgets_a_held_face(tracker: FaceTracker, shot: Any) -> None:
    tracker.track(shot(), 0.0)
    assert tracker.track(BLACK[::2, ::2], 0.033) is None


def test_a_frame_that_is_a_view_is_read_as_it_looks(tracker: FaceTracker, shot: Any) -> None:
    frame = shot()
    upright = found(tracker.track(frame, 0.0))
    for index in range(1, 20):
        mirrored = found(tracker.track(frame[:, ::-1], index / FPS))
    assert mirrored.pose.translation_px[0] == pytest.approx(639 - upright.pose.translation_px[0], abs=4)


def test_a_clock_that_jumps_keeps_the_face(tracker: FaceTracker, shot: Any) -> None:
    for time_s in (10.0, 10.0, 10.033, 3.0, 3.033, 5000.0, 0.0):
        assert found(tracker.track(shot(), time_s)).confidence == 1.0
    # After the jump back to 0 a loss still takes its 0.4 s.
    assert found(tracker.track(BLACK, 0.033)).held


def test_of_two_people_the_nearer_is_followed(tracker: FaceTracker, shot: Any) -> None:
    frame = np.full((480, 960, 3), 90, np.uint8)
    frame[:, 400:960] = shot(x=60.0, scale=1.2)[:, 80:640]
    frame[100:340, 40:360] = shot()[::2, ::2]
    for index in range(10):
        state = found(tracker.track(frame, index / FPS))
        assert state.pose.translation_px[0] > 400


def test_someone_who_comes_much_nearer_takes_over_but_not_at_once(tracker: FaceTracker, shot: Any) -> None:
    alone = np.full((480, 640, 3), 90, np.uint8)
    alone[:, :240] = shot()[:, 200:440]
    joined = alone.copy()
    joined[:, 240:] = shot(scale=1.8)[:, 120:520]
    for index in range(10):
        assert found(tracker.track(alone, index / FPS)).pose.translation_px[0] < 240
    where = [found(tracker.track(joined, index / FPS)).pose.translation_px[0] > 240 for index in range(10, 60)]
    assert not any(where[:15]) and all(where[40:])


def test_a_tracker_that_breaks_is_set_up_anew_once(tracker: FaceTracker, shot: Any, monkeypatch: Any) -> None:
    tracker.track(shot(), 0.0)
    _break(tracker, monkeypatch)
    assert found(tracker.track(shot(), 0.033)).held, "the frame on which it broke counts as one without a face"
    assert found(tracker.track(shot(), 0.066)).confidence == 1.0
    _break(tracker, monkeypatch)
    with pytest.raises(PerceptionError):
        tracker.track(shot(), 0.1)
    with pytest.raises(PerceptionError):
        tracker.track(shot(), 0.133)


def test_after_close_it_says_so(face_model: Path) -> None:
    tracker = FaceTracker(face_model)
    tracker.close()
    tracker.close()
    with pytest.raises(PerceptionError, match="closed"):
        tracker.track(BLACK, 0.0)


def _break(tracker: FaceTracker, monkeypatch: Any) -> None:
    def fail(*_: object) -> None:
        raise PerceptionError("MediaPipe's face landmarker failed: Graph has errors")

    monkeypatch.setattr(tracker._follower, "detect", fail)

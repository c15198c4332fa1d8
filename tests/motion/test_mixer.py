"""Who moves the avatar: the camera while it sees a face, idle life otherwise, and never a jump between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.motion.mixer import EASE_IN_S, EASE_OUT_S, MixState, blend, mix
from avatar.types import FaceState, HeadPose, Motion

Move = Callable[..., Motion]
FPS = 30
YAW = 20.0


def face(time_s: float, confidence: float = 1.0) -> FaceState:
    return FaceState(
        time_s=time_s,
        landmarks_px=np.zeros((478, 3), np.float32),
        blendshapes=np.zeros(52, np.float32),
        pose=HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0),
        confidence=confidence,
        frame_size=(640, 480),
    )


def play(move: Move, confidences: list[float | None], state: MixState | None = None) -> tuple[MixState, list[float]]:
    """Show a driver who looks 20 degrees aside while seen; return the yaw shown, idle life being at 0."""
    state = MixState() if state is None else state
    start_s = state.time_s
    shown = []
    for index, confidence in enumerate(confidences, start=1):
        now_s = start_s + index / FPS
        seen = None if confidence is None else face(now_s, confidence)
        camera = None if confidence is None else move(now_s, yaw=YAW)
        state, motion = mix(state, seen, camera, move(now_s))
        shown.append(float(np.degrees(motion.rotation[1])))
    return state, shown


def test_without_a_camera_there_is_idle_life(move: Move) -> None:
    idle = move(3.0, pitch=2)
    assert mix(MixState(), None, None, idle)[1] is idle


def test_a_camera_that_sees_a_face_is_followed_without_any_delay(move: Move) -> None:
    """From its first frame on: nothing is mixed in, nothing lags."""
    assert play(move, [1.0] * 5)[1] == pytest.approx([YAW] * 5)


def test_a_lost_face_fades_to_idle_life_without_a_jump(move: Move) -> None:
    state, _ = play(move, [1.0] * 5)
    _, shown = play(move, [None] * 40, state)
    assert shown[0] > 0.9 * YAW and shown[round(EASE_OUT_S * FPS) + 1 :] == pytest.approx([0] * 21, abs=1e-4)
    assert np.abs(np.diff([YAW, *shown])).max() < 0.12 * YAW


def test_a_face_found_again_takes_over_within_a_quarter_of_a_second_and_without_a_jump(move: Move) -> None:
    state, _ = play(move, [1.0, *[None] * 40])
    _, shown = play(move, [1.0] * 12, state)
    assert shown[round(EASE_IN_S * FPS) + 1 :] == pytest.approx([YAW] * 3, abs=1e-3)
    assert np.abs(np.diff([0, *shown])).max() < 0.25 * YAW


def test_a_held_face_counts_less_and_less(move: Move) -> None:
    state, _ = play(move, [1.0] * 5)
    _, shown = play(move, [0.8, 0.6, 0.4, 0.2], state)
    assert shown == sorted(shown, reverse=True) and 0 < shown[-1] < YAW


def test_a_loss_of_one_frame_is_hardly_seen(move: Move) -> None:
    _, shown = play(move, [1.0] * 5 + [None] + [1.0] * 5)
    assert min(shown) > 0.95 * YAW


def test_the_easing_takes_the_same_time_at_any_rate(move: Move) -> None:
    def share_after(steps: int) -> float:
        state, _ = play(move, [1.0])
        for _ in range(steps):
            state, _ = mix(state, None, None, move(state.time_s + 0.3 / steps))
        return state.camera_share

    assert share_after(3) == pytest.approx(share_after(30)) == pytest.approx(0.5)


def test_a_clock_that_stands_still_or_runs_back_changes_nothing(move: Move) -> None:
    state, _ = play(move, [1.0] * 5)
    after, motion = mix(state, None, None, move(state.time_s - 1))
    assert after.camera_share == 1.0 and motion.rotation[1] == pytest.approx(np.radians(YAW))


def test_mixing_depends_on_its_arguments_alone(move: Move) -> None:
    state, _ = play(move, [1.0] * 3)
    before = replace(state)
    first, second = (mix(state, face(9.0, 0.5), move(9.0, yaw=7), move(9.0, pitch=3)) for _ in range(2))
    assert first[0].camera_share == second[0].camera_share
    assert np.array_equal(first[1].rotation, second[1].rotation)
    assert state == before


def test_blending_goes_all_the_way_and_keeps_what_only_one_has(move: Move) -> None:
    first = move(1.0, yaw=10, jawOpen=0.2)
    residual = np.ones((478, 3), np.float32)
    second = replace(move(2.0, yaw=-10, jawOpen=0.6, scale=1.2, gaze=(0.1, 0)), residual=residual)
    start, middle, end = (blend(first, second, share) for share in (0.0, 0.5, 1.0))
    assert start.rotation == pytest.approx(first.rotation) and end.rotation == pytest.approx(second.rotation)
    assert middle.rotation[1] == pytest.approx(0) and middle.scale == pytest.approx(1.1)
    assert middle.time_s == 1.0
    assert middle.gaze == pytest.approx([0.05, 0])
    assert middle.residual is not None and middle.residual == pytest.approx(residual / 2)
    assert start.speech is None

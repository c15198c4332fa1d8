"""A still face is still, a moving one is on time, and a blink stays a blink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.face.expression_basis import load_basis
from avatar.face.pose import fit_pose, mean_head, rotation_matrix, rotation_vector, to_pixels
from avatar.perception.landmarker import FaceDetection
from avatar.perception.smoothing import LONGEST_STEP_S, POSE_RESPONSE, SmoothedFace, expected_face, smooth, smooth_face
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, F32, HeadPose

FPS = 30.0
SCALE = 100.0
# What MediaPipe's landmarks do on a still face under ordinary camera noise: they wander together more than apart.
WANDER, GRAIN = 0.0015, 0.0005


def seen(
    x: float = 0.0, yaw: float = 0.0, blink: float = 0.0, *, noise: np.random.Generator | None = None
) -> FaceDetection:
    coefficients = np.zeros(len(BLENDSHAPES), np.float32)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        coefficients[BLENDSHAPE_INDEX[name]] = blink
    head = mean_head() + load_basis().displacement(coefficients)
    if noise is not None:
        head = head + noise.normal(0, WANDER, 3) + noise.normal(0, GRAIN, head.shape)
        coefficients = (coefficients + noise.normal(0, 0.006, 52)).clip(0, 1).astype(np.float32)
    pose = HeadPose(rotation_matrix(np.array([0, yaw, 0], np.float32)), np.array([320 + x, 240, 0], np.float32), SCALE)
    return FaceDetection(to_pixels(head.astype(np.float32), pose), coefficients)


def run(faces: Sequence[FaceDetection], times: Sequence[float] | None = None) -> list[SmoothedFace]:
    states: list[SmoothedFace] = []
    for index, face in enumerate(faces):
        state = smooth_face(states[-1] if states else None, face, index / FPS if times is None else times[index])
        states.append(state)
    return states


def lag_ms(before: NDArray[np.floating], after: NDArray[np.floating]) -> float:
    """How much later `after` says what `before` says, by cross-correlation."""
    times = np.arange(len(before)) / FPS
    delays = np.linspace(-0.05, 0.1, 301)
    inner = slice(6, -6)
    match = [np.corrcoef(np.interp(times - delay, times, before)[inner], after[inner])[0, 1] for delay in delays]
    return float(delays[int(np.argmax(match))] * 1000)


def test_a_still_face_is_stiller_than_it_was_measured() -> None:
    rng = np.random.default_rng(1)
    faces = [seen(noise=rng) for _ in range(150)]
    states = run(faces)[60:]
    raw = np.array([face.landmarks_px[:, :2] for face in faces[60:]])
    given = np.array([state.landmarks_px[:, :2] for state in states])
    assert given.std(0).mean() < 0.5 * raw.std(0).mean()
    # Flicker from frame to frame is what the eye sees first.
    assert np.abs(np.diff(given, axis=0)).mean() < 0.25 * np.abs(np.diff(raw, axis=0)).mean()
    coefficients = np.array([state.blendshapes for state in states])
    assert coefficients.std(0).mean() < 0.8 * np.array([face.blendshapes for face in faces[60:]]).std(0).mean()


def test_a_still_face_stays_where_it_is() -> None:
    state = run([seen(x=25.0, yaw=0.4)] * 60)[-1]
    assert np.allclose(state.landmarks_px, seen(x=25.0, yaw=0.4).landmarks_px, atol=0.01)


@pytest.mark.parametrize("hertz", [0.5, 1.0, 2.0])
def test_a_swaying_head_is_on_time(hertz: float) -> None:
    rng = np.random.default_rng(2)
    phase = 2 * np.pi * hertz * np.arange(180) / FPS
    faces = [seen(x=20 * np.sin(p), yaw=0.25 * np.sin(p), noise=rng) for p in phase]
    states = run(faces)
    x = np.array([state.pose.translation_px[0] for state in states])
    yaw = np.array([rotation_vector(state.pose.rotation)[1] for state in states])
    assert abs(lag_ms(np.array([fit_pose(face.landmarks_px).translation_px[0] for face in faces]), x)) < 8.0
    assert abs(lag_ms(np.sin(phase), yaw)) < 8.0
    assert x.std() == pytest.approx(20 / np.sqrt(2), rel=0.05)


def test_a_head_that_stops_does_not_swing_on() -> None:
    path = np.concatenate([np.linspace(0, 60, 15), np.full(30, 60.0)])
    x = np.array([state.pose.translation_px[0] for state in run([seen(x=step) for step in path])]) - 320
    assert x.max() < 60 + 3, "less than 3 % of a head beyond where it stopped"
    assert x[-1] == pytest.approx(60, abs=0.5)


def test_a_blink_is_not_flattened() -> None:
    rng = np.random.default_rng(3)
    course = np.zeros(60)
    course[30:34] = (0.6, 1.0, 0.7, 0.2)
    states = run([seen(blink=value, noise=rng) for value in course])
    gap = np.array([state.shape.value[145, 1] - state.shape.value[159, 1] for state in states])
    closing = gap[:30].mean() - gap
    wanted = load_basis().offsets[[BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]].sum(0)
    assert closing[31:33].max() > 0.9 * (wanted[159, 1] - wanted[145, 1])
    assert int(np.argmax(closing)) in (31, 32)
    assert max(state.blendshapes[BLENDSHAPE_INDEX["eyeBlinkLeft"]] for state in states) > 0.85


def test_a_long_gap_starts_afresh() -> None:
    times = [0.0, 1 / FPS, 2 / FPS, 2 / FPS + LONGEST_STEP_S + 0.1]
    states = run([seen()] * 3 + [seen(x=80.0)], times)
    assert states[-1].landmarks_px == pytest.approx(seen(x=80.0).landmarks_px, abs=0.01)


@pytest.mark.parametrize("jump", [0.0, -0.01, -1e6], ids=["stands still", "back", "far back"])
def test_a_clock_that_does_not_run_counts_as_one_frame(jump: float) -> None:
    faces = [seen(x=4.0 * step) for step in range(8)]
    usual = run(faces)[-1]
    odd = run(faces[:-1])[-1]
    odd = smooth_face(replace(odd, time_s=0.0), faces[-1], jump)
    assert odd.landmarks_px == pytest.approx(usual.landmarks_px, abs=1e-3)


def test_a_head_upside_down_does_not_spin_where_rotation_vectors_wrap() -> None:
    def rolled(angle: float) -> FaceDetection:
        turn = rotation_matrix(np.array([0, 0, angle], np.float32))
        return FaceDetection(
            to_pixels(mean_head(), HeadPose(turn, np.zeros(3, np.float32), SCALE)), np.zeros(52, np.float32)
        )

    angles = np.linspace(np.pi - 0.2, np.pi + 0.2, 40)
    for state, angle in zip(run([rolled(a) for a in angles])[5:], angles[5:], strict=True):
        assert np.abs(state.landmarks_px - rolled(angle).landmarks_px).max() < 0.05 * SCALE


def test_another_frame_rate_gives_the_same_answer_to_slow_motion() -> None:
    def at(fps: float) -> F32:
        times = np.arange(0, 2, 1 / fps)
        return run([seen(x=30 * np.sin(np.pi * t)) for t in times], list(times))[-1].pose.translation_px

    assert at(15) == pytest.approx(at(30), abs=3.5) and at(60) == pytest.approx(at(30), abs=3.5)


@pytest.mark.parametrize("hertz", [0.5, 1.0])
def test_a_face_seen_in_every_second_frame_is_nearer_to_itself_than_one_that_is_held(hertz: float) -> None:
    phase = 2 * np.pi * hertz * np.arange(181) / FPS
    faces = [seen(x=20 * np.sin(p), yaw=0.25 * np.sin(p)) for p in phase]
    states = run(faces[::2], list(np.arange(0, 181, 2) / FPS))
    apart_expected, apart_held = [], []
    for state, between, index in zip(states[10:-1], faces[21::2], range(21, 181, 2), strict=True):
        expected = expected_face(state, index / FPS)
        apart_expected.append(np.abs(expected.landmarks_px - between.landmarks_px).mean())
        apart_held.append(np.abs(state.landmarks_px - between.landmarks_px).mean())
    assert np.mean(apart_expected) < 0.75 * np.mean(apart_held)


def test_a_face_unseen_for_long_is_expected_to_stop() -> None:
    state = run([seen(x=4.0 * step) for step in range(30)])[-1]
    soon, late = (expected_face(state, 29 / FPS + after).pose.translation_px[0] for after in (0.1, 5.0))
    assert soon == late and soon - state.pose.translation_px[0] < 13, "three frames of its way at most"


def test_the_first_value_passes_unchanged() -> None:
    first = np.array([1.0, 2.0], np.float32)
    state = smooth(None, first, 0.033, POSE_RESPONSE, joint=False)
    assert np.array_equal(state.value, first) and not state.velocity.any()

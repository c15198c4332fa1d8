"""Who moves the avatar: the camera while it sees a face, idle life otherwise, and never a jump between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.face import mesh
from avatar.motion.mixer import (
    COVER_IN_S,
    COVER_OUT_S,
    EASE_IN_S,
    EASE_OUT_S,
    VOICE_OVER_CAMERA,
    MixState,
    blend,
    mix,
    speak,
)
from avatar.motion.voice_motion import VoiceMotion, resting_voice
from avatar.types import BLENDSHAPE_INDEX, FaceState, HeadPose, Motion

Move = Callable[..., Motion]
FPS = 30
YAW = 20.0
JAW = BLENDSHAPE_INDEX["jawOpen"]


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


def say(time_s: float, confidence: float = 1.0, speaking: float = 1.0, **mouth: float) -> VoiceMotion:
    blendshapes = np.zeros(52, np.float32)
    for name, value in mouth.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    voice = replace(resting_voice(time_s), blendshapes=blendshapes)
    return replace(voice, confidence=confidence, speaking=speaking)


def talk(
    move: Move, steps: int, *, seen: bool = True, heard: bool = True, jaw: float = 0.5, state: MixState | None = None,
) -> tuple[MixState, list[Motion]]:  # fmt: skip
    """A driver with closed lips who looks aside, and a voice that opens the jaw."""
    state = MixState() if state is None else state
    start_s, shown = state.time_s, []
    for index in range(1, steps + 1):
        now_s = start_s + index / FPS
        camera = move(now_s, yaw=YAW, browInnerUp=0.4) if seen else None
        voice = say(now_s, jawOpen=jaw) if heard else None
        face_now = face(now_s) if seen else None
        state, motion = mix(state, face_now, camera, move(now_s), voice=voice)
        shown.append(motion)
    return state, shown


def test_without_a_camera_the_mouth_is_the_voices(move: Move) -> None:
    _, shown = talk(move, 10, seen=False)
    assert shown[-1].blendshapes[JAW] == pytest.approx(0.5)
    assert shown[-1].rotation == pytest.approx([0, 0, 0])


def test_a_voice_is_there_within_three_pictures(move: Move) -> None:
    _, shown = talk(move, 4, seen=False)
    assert shown[2].blendshapes[JAW] == pytest.approx(0.5)


def test_with_both_the_head_is_the_cameras_and_the_voice_strengthens_the_mouth(move: Move) -> None:
    _, shown = talk(move, 20)
    assert np.degrees(shown[-1].rotation[1]) == pytest.approx(YAW)
    assert shown[-1].blendshapes[BLENDSHAPE_INDEX["browInnerUp"]] == pytest.approx(0.4)
    assert 0.1 < shown[-1].blendshapes[JAW] < 0.4


def test_a_silent_voice_takes_nothing_from_the_cameras_mouth(move: Move) -> None:
    state, _ = talk(move, 5)
    now_s = state.time_s + 1 / FPS
    camera = move(now_s, jawOpen=0.6)
    _, motion = mix(state, face(now_s), camera, move(now_s), voice=say(now_s, speaking=0.0))
    assert motion.blendshapes[JAW] == pytest.approx(0.6)


def test_when_the_face_is_lost_the_voice_takes_the_mouth_without_a_jump(move: Move) -> None:
    state, before = talk(move, 20)
    _, shown = talk(move, 40, seen=False, state=state)
    jaw = [before[-1].blendshapes[JAW], *(motion.blendshapes[JAW] for motion in shown)]
    assert jaw[-1] == pytest.approx(0.5, abs=1e-3) and np.abs(np.diff(jaw)).max() < 0.05


def test_when_the_voice_stops_the_mouth_closes_without_a_jump(move: Move) -> None:
    state, _ = talk(move, 20, seen=False)
    _, shown = talk(move, 15, seen=False, heard=False, state=state)
    jaw = [0.5, *(motion.blendshapes[JAW] for motion in shown)]
    assert jaw[-1] == 0 and np.abs(np.diff(jaw)).max() < 0.08
    assert not shown[-1].blendshapes.any()


def test_a_voice_known_ahead_has_the_mouth_at_once_and_gives_it_back_at_once(move: Move) -> None:
    idle = move(1.0)
    state, first = mix(MixState(), None, None, idle, voice=say(1.0, jawOpen=0.5), at_once=True)
    assert first.blendshapes[JAW] == pytest.approx(0.5)
    _, after = mix(state, None, None, move(1.03), voice=say(1.03, confidence=0.0), at_once=True)
    assert after.blendshapes[JAW] == 0


def test_the_cameras_residual_leaves_the_mouth_to_the_voice_and_keeps_the_eyes(move: Move) -> None:
    motion = replace(move(1.0), residual=np.ones((478, 3), np.float32))
    spoken = speak(motion, say(1.0), 1.0)
    assert spoken.residual is not None
    assert np.abs(spoken.residual[[mesh.LOWER_LIP_CENTRE, mesh.CHIN]]).max() < 0.05
    assert spoken.residual[mesh.RIGHT_UPPER_LID[3]].min() > 0.5
    assert motion.residual is not None and (motion.residual == 1).all()


def test_a_covered_mouth_goes_to_the_voice_and_comes_back_without_a_jump(move: Move) -> None:
    """The camera guesses an open jaw under the hand; the voice is silent, then says something."""
    state, jaws, brows = MixState(), [], []
    for index in range(90):
        now_s = (index + 1) / FPS
        seen = replace(face(now_s), mouth_covered=30 <= index < 60)
        voice = say(now_s, speaking=1.0, jawOpen=0.2)
        state, motion = mix(state, seen, move(now_s, yaw=YAW, jawOpen=0.8), move(now_s), voice=voice)
        jaws.append(float(motion.blendshapes[JAW]))
        brows.append(float(np.degrees(motion.rotation[1])))
    free = 0.8 + VOICE_OVER_CAMERA * (0.2 - 0.8)
    assert jaws[20:30] == pytest.approx([free] * 10, abs=1e-3)
    covered, back = jaws[31 + round(COVER_IN_S * FPS) : 60], jaws[61 + round(COVER_OUT_S * FPS) :]
    assert covered == pytest.approx([0.2] * len(covered), abs=1e-3)
    assert back == pytest.approx([free] * len(back), abs=1e-3)
    assert np.abs(np.diff(jaws[20:])).max() < 0.1
    assert brows == pytest.approx([YAW] * 90), "the head stays the camera's"


def test_without_a_voice_a_covered_mouth_stays_the_cameras(move: Move) -> None:
    seen = replace(face(1.0), mouth_covered=True)
    _, motion = mix(MixState(), seen, move(1.0, jawOpen=0.8), move(1.0))
    assert motion.blendshapes[JAW] == pytest.approx(0.8)


def test_a_mouth_that_is_drawn_from_sound_is_the_speakers_alone(move: Move) -> None:
    heard = np.ones((50, 384), np.float32)

    def shown(speaking: float, *, seen: bool) -> Motion:
        voice = replace(resting_voice(0.0), confidence=1.0, speaking=speaking, heard=heard)
        state = MixState()
        for index in range(30):
            now_s = index / FPS
            driver = (face(now_s), move(now_s)) if seen else (None, None)
            state, motion = mix(state, *driver, move(now_s), voice=voice)
        return motion

    alone, talking, silent = shown(0.0, seen=False), shown(1.0, seen=True), shown(0.0, seen=True)
    assert alone.heard is not None and alone.heard.share == 1 and alone.heard.states is heard
    assert talking.heard is not None and talking.heard.share > 0.99, "two mouths cannot be shown at once"
    assert silent.heard is not None and silent.heard.share == 0, "who is silent is followed by the camera"
    _, motion = mix(MixState(), face(0.0), move(0.0), move(0.0))
    assert motion.heard is None

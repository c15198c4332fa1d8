"""One face from all there is: feelings keep closures shut in any drive, looks turn the head, nothing jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.motion.attention import UserSeen
from avatar.motion.composer import CompositionState, Sources, Temperament, compose
from avatar.motion.cues import EMOTIONS, GESTURES, Attend, Feel, Gesture, Look, Mood, understand
from avatar.motion.direction import MOST_GESTURES, Direction, follow_cue
from avatar.motion.expression import GESTURE_S
from avatar.motion.speech_network import CLASSES
from avatar.motion.voice_cut import HUSH_S, VoiceCut, closing_mouth
from avatar.motion.voice_motion import CLOSED, VoiceMotion, resting_voice
from avatar.types import BLENDSHAPE_INDEX, FaceState, HeadPose, Motion

FPS = 30
PERSON = Temperament(1)
SMILE, JAW = BLENDSHAPE_INDEX["mouthSmileLeft"], BLENDSHAPE_INDEX["jawOpen"]
Move = Callable[..., Motion]
At = Callable[[float], Sources]


def voice(time_s: float, kind: str, **coefficients: float) -> VoiceMotion:
    heard = resting_voice(time_s)
    posterior, blendshapes = np.zeros(len(CLASSES), np.float32), heard.blendshapes.copy()
    posterior[CLASSES.index(kind)] = 1
    for name, value in coefficients.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return replace(heard, blendshapes=blendshapes, posterior=posterior, speaking=1.0, confidence=1.0, level_db=-20.0)


def seen(time_s: float) -> FaceState:
    pose = HeadPose(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 100.0)
    return FaceState(time_s, np.zeros((478, 3), np.float32), np.zeros(52, np.float32), pose, 1.0, (640, 480))


def play(sources: At, seconds: float, state: CompositionState | None = None) -> list[Motion]:
    """Show what there is at each moment, on a clock of 30 pictures a second."""
    state, shown = CompositionState() if state is None else state, []
    for index in range(1, round(seconds * FPS) + 1):
        state, motion = compose(sources(index / FPS), state, index / FPS)
        shown.append(motion)
    return shown


def told(direction: Direction, seconds: float, *, kind: str | None = None, **coefficients: float) -> list[Motion]:
    """Show an avatar that lives by itself, or speaks with one kind of mouth, as it was directed."""

    def sources(time_s: float) -> Sources:
        heard = resting_voice(time_s) if kind is None else voice(time_s, kind, **coefficients)
        return Sources(PERSON, voice=heard, voice_known_ahead=True, direction=direction)

    return play(sources, seconds)


def lip_gap(motion: Motion) -> float:
    """Distance that a motion opens the inner lips by, in head units."""
    moved = load_basis().displacement(motion.blendshapes)
    return float(moved[mesh.LOWER_LIP_CENTRE, 1] - moved[mesh.UPPER_LIP_CENTRE, 1])


def directed(*cues: str, at_s: float = 0.0) -> Direction:
    direction = Direction()
    for text in cues:
        for cue in understand(text):
            direction = follow_cue(direction, cue, at_s)
    return direction


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_no_feeling_opens_lips_that_must_meet(emotion: str) -> None:
    plain = told(Direction(), 2.0, kind="closed", **CLOSED)[-1]
    felt = told(Direction(emotion=emotion, strength=1.0), 2.0, kind="closed", **CLOSED)[-1]
    assert lip_gap(felt) - lip_gap(plain) < 0.012  # of the distance between the eyes: a pixel at 512


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_no_feeling_opens_the_lips_of_a_driver_who_talks(emotion: str, move: Move) -> None:
    """The camera drives: syllables of a fifth of a second with shut lips between them, as in "baba"."""

    def sources(time_s: float, direction: Direction) -> Sources:
        shut = int(time_s * 10) % 3 == 0
        camera = move(time_s) if shut else move(time_s, jawOpen=0.35)
        return Sources(PERSON, face=seen(time_s), camera=camera, direction=direction)

    plain = play(lambda time_s: sources(time_s, Direction()), 3.0)
    felt = play(lambda time_s: sources(time_s, Direction(emotion=emotion, strength=1.0)), 3.0)
    wider = [lip_gap(b) - lip_gap(a) for a, b in zip(plain, felt, strict=True)]
    assert max(wider[FPS:]) < 0.012
    assert not np.array_equal(plain[-1].blendshapes, felt[-1].blendshapes), "it shows elsewhere"


def test_a_surprised_driver_who_is_silent_drops_the_jaw(move: Move) -> None:
    direction = Direction(emotion="surprised", strength=1.0)
    shown = play(lambda time_s: Sources(PERSON, seen(time_s), move(time_s), direction=direction), 2.0)
    assert shown[-1].blendshapes[JAW] == pytest.approx(EMOTIONS["surprised"]["jawOpen"], abs=0.01)


def test_a_feeling_shows_while_speaking() -> None:
    felt = told(Direction(emotion="happy", strength=1.0), 2.0, kind="open", jawOpen=0.4)[-1]
    assert felt.blendshapes[SMILE] > 0.4
    assert felt.blendshapes[JAW] == pytest.approx(0.4, abs=0.01)


def test_a_feeling_in_passing_gives_way_to_the_one_that_was_set() -> None:
    shown = told(Direction(emotion="sad", strength=1.0, passing=("happy", 1.0, 1.5)), 4.0)
    smile = [motion.blendshapes[SMILE] for motion in shown]
    assert smile[round(1.4 * FPS)] > 0.4 and smile[-1] < 0.02
    assert shown[-1].blendshapes[BLENDSHAPE_INDEX["mouthFrownLeft"]] > 0.3


def test_a_look_turns_the_eyes_first_and_then_the_head() -> None:
    aside, ahead = told(Direction(look=(1.0, 0.0)), 2.0), told(Direction(), 2.0)
    turn = [float(np.degrees(a.rotation[1] - b.rotation[1])) for a, b in zip(aside, ahead, strict=True)]
    gaze = [float(a.gaze[0] - b.gaze[0]) for a, b in zip(aside, ahead, strict=True)]  # type: ignore[index]
    assert turn[-1] == pytest.approx(-16, abs=0.5), "the nose goes to the picture's right too"
    assert gaze[-1] == pytest.approx(0.24, abs=0.01)
    assert gaze[4] > 0.9 * gaze[-1] and abs(turn[4]) < 0.5 * abs(turn[-1])


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_moves_the_face_and_is_over(name: str) -> None:
    still = told(Direction(), 3.0)
    moved = told(Direction(gestures=((Gesture(name), 0.5),)), 3.0)
    change = [
        float(np.degrees(np.abs(a.rotation - b.rotation)).max() + 10 * np.abs(a.blendshapes - b.blendshapes).max())
        for a, b in zip(moved, still, strict=True)
    ]
    assert max(change) > 3 and change[-1] == pytest.approx(0, abs=1e-5)
    assert max(abs(after - before) for before, after in pairwise(change)) < 9


def test_on_a_drivers_face_all_cues_play_on_top_and_the_rest_stays_theirs(move: Move) -> None:
    direction = directed("be happy", "look right", "raise brows", at_s=0.5)
    plain, shown = (
        play(lambda time_s, how=how: Sources(PERSON, seen(time_s), move(time_s, yaw=10.0), direction=how), 1.2)
        for how in (Direction(), direction)
    )
    last, before = shown[-1], plain[-1]
    assert last.blendshapes[SMILE] > 0.35
    assert np.degrees(last.rotation[1] - before.rotation[1]) < -9
    assert last.blendshapes[BLENDSHAPE_INDEX["browInnerUp"]] > 0.3
    assert last.blendshapes[JAW] == before.blendshapes[JAW]
    assert last.translation == pytest.approx(before.translation)


def test_a_driver_who_smiles_already_is_not_made_to_grimace(move: Move) -> None:
    direction = Direction(emotion="happy", strength=1.4)
    shown = play(lambda t: Sources(PERSON, seen(t), move(t, mouthSmileLeft=0.8), direction=direction), 2.0)
    assert shown[-1].blendshapes[SMILE] == pytest.approx(1.0)
    assert shown[-1].blendshapes[BLENDSHAPE_INDEX["mouthSmileRight"]] == pytest.approx(1.4 * 0.55, abs=0.01)


def test_who_is_told_to_listen_does_so_on_a_drivers_face_and_keeps_the_drivers_eyes(move: Move) -> None:
    direction = directed("listen")
    shown = play(lambda t: Sources(PERSON, seen(t), move(t, gaze=(0.1, 0.0)), direction=direction), 1.0)
    assert np.degrees(shown[-1].rotation[2]) == pytest.approx(2.2, abs=0.1)
    assert shown[-1].gaze is not None and shown[-1].gaze[0] == pytest.approx(0.1)


def test_neutral_ends_what_is_shown_softly(move: Move) -> None:
    ended = directed("be happy and look left and listen", "neutral")
    assert (ended.feeling(0.1), ended.look, ended.presence) == (("neutral", 1.0), (0.0, 0.0), "idle")

    def sources(time_s: float) -> Sources:
        direction = directed("be happy and look left")
        return Sources(PERSON, seen(time_s), move(time_s), direction=direction if time_s < 2 else ended)

    shown = play(sources, 4.5)
    smile = [float(motion.blendshapes[SMILE]) for motion in shown]
    assert smile[2 * FPS - 2] > 0.4 and smile[-1] < 0.01
    assert np.abs(np.diff(smile)).max() < 0.08
    assert np.abs(np.degrees(shown[-1].rotation)).max() < 0.1


def test_a_look_that_was_told_comes_before_the_user_who_is_seen() -> None:
    def gaze(direction: Direction) -> float:
        shown = play(
            lambda t: Sources(PERSON, presence="listening", direction=direction, user=UserSeen(t, -1.0, 0.0, 0.0)), 2.0
        )[-1].gaze
        assert shown is not None
        return float(shown[0])

    to_user, left = gaze(Direction()), gaze(directed("look left"))
    assert to_user > 0.1 and left < -0.12


def test_cues_that_follow_each_other_add_up_and_gestures_are_bounded() -> None:
    direction = Direction()
    for index in range(3 * MOST_GESTURES):
        direction = follow_cue(direction, Gesture("nod"), index / 100)
    assert len(direction.gestures) == MOST_GESTURES
    direction = follow_cue(direction, Gesture("tilt"), 1 + GESTURE_S["nod"])
    assert [gesture.name for gesture, _ in direction.gestures] == ["tilt"], "what is over is not kept"
    for cue in (Mood("sad", 0.5), Feel("happy"), Look(0.1, 0.2), Attend("thinking")):
        direction = follow_cue(direction, cue, 10.0)
    assert (direction.emotion, direction.look, direction.presence) == ("sad", (0.1, 0.2), "thinking")
    assert direction.feeling(13.9) == ("happy", 1.0) and direction.feeling(14.1) == ("sad", 0.5)


def test_a_voice_that_is_cut_off_closes_its_mouth_within_its_time() -> None:
    heard = voice(0.0, "open", jawOpen=0.6)
    opening = [closing_mouth(heard, since).blendshapes[JAW] for since in (0, HUSH_S / 2, HUSH_S, 9)]
    assert opening == [pytest.approx(0.6), pytest.approx(0.3), 0, 0]
    assert closing_mouth(heard, HUSH_S).confidence == 0

    def sources(time_s: float) -> Sources:
        cut = VoiceCut(1, 1.0) if time_s > 1 else VoiceCut()
        spoken = voice(time_s, "open", jawOpen=0.6) if time_s <= 1 else resting_voice(time_s)
        return Sources(PERSON, voice=spoken, voice_known_ahead=True, voice_cut=cut)

    jaw = [float(motion.blendshapes[JAW]) for motion in play(sources, 1.2)]
    assert jaw[FPS - 1] == pytest.approx(0.6) and 0.1 < jaw[FPS] < 0.5 and jaw[FPS + 2] == 0


def test_composing_depends_on_its_arguments_alone(move: Move) -> None:
    direction = directed("smile and nod")

    def sources(time_s: float) -> Sources:
        return Sources(
            PERSON, seen(time_s), move(time_s, yaw=9.0), voice(time_s, "open", jawOpen=0.3), direction=direction
        )

    state = CompositionState()
    for index in range(1, 20):
        state, _ = compose(sources(index / FPS), state, index / FPS)
    before = replace(state)
    first, second = (compose(sources(0.7), state, 0.7) for _ in range(2))
    assert np.array_equal(first[1].blendshapes, second[1].blendshapes)
    assert np.array_equal(first[1].rotation, second[1].rotation)
    assert state == before
    _, back = compose(sources(0.1), state, 0.1)
    assert np.isfinite(back.blendshapes).all(), "a clock that runs back harms nothing"


@pytest.mark.parametrize("rate", [10, 60])
def test_a_feeling_comes_equally_fast_at_any_rate(rate: int) -> None:
    state = CompositionState()
    for index in range(1, rate + 1):
        sources = Sources(PERSON, direction=Direction(emotion="happy", strength=1.0))
        state, motion = compose(sources, state, index / rate)
    assert motion.blendshapes[SMILE] == pytest.approx(0.55 * (1 - np.exp(-1 / 0.3)), abs=0.005)

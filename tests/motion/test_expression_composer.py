"""One face from all that is asked: feelings keep closures shut, looks turn the head, an interrupted mouth closes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.motion.cues import EMOTIONS, GESTURES, Gesture
from avatar.motion.expression_composer import HUSH_S, ActingState, Asked, act, hushed
from avatar.motion.idle import IdleLife
from avatar.motion.prosody import SpeakingLife
from avatar.motion.speech_network import CLASSES
from avatar.motion.voice_motion import CLOSED, VoiceMotion, resting_voice
from avatar.types import BLENDSHAPE_INDEX, Motion

FPS = 30


def voice(time_s: float, kind: str, **coefficients: float) -> VoiceMotion:
    heard = resting_voice(time_s)
    posterior, blendshapes = np.zeros(len(CLASSES), np.float32), heard.blendshapes.copy()
    posterior[CLASSES.index(kind)] = 1
    for name, value in coefficients.items():
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return replace(heard, blendshapes=blendshapes, posterior=posterior, speaking=1.0, confidence=1.0, level_db=-20.0)


def play(asked: Asked, seconds: float, *, kind: str | None = None, **coefficients: float) -> list[Motion]:
    state, idle, life, shown = ActingState(), IdleLife(1), SpeakingLife(1), []
    for index in range(1, round(seconds * FPS) + 1):
        time_s = index / FPS
        heard = resting_voice(time_s) if kind is None else voice(time_s, kind, **coefficients)
        state, motion = act(state, asked, idle.motion(time_s), heard, life)
        shown.append(motion)
    return shown


def lip_gap(motion: Motion) -> float:
    """Distance that a motion opens the inner lips by, in head units."""
    moved = load_basis().displacement(motion.blendshapes)
    return float(moved[mesh.LOWER_LIP_CENTRE, 1] - moved[mesh.UPPER_LIP_CENTRE, 1])


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_no_feeling_opens_lips_that_must_meet(emotion: str) -> None:
    plain = play(Asked(), 2.0, kind="closed", **CLOSED)[-1]
    felt = play(Asked(emotion=emotion, strength=1.0), 2.0, kind="closed", **CLOSED)[-1]
    assert lip_gap(felt) - lip_gap(plain) < 0.012  # of the distance between the eyes: a pixel at 512


def test_a_feeling_shows_while_speaking() -> None:
    felt = play(Asked(emotion="happy", strength=1.0), 2.0, kind="open", jawOpen=0.4)[-1]
    assert felt.blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.4
    assert felt.blendshapes[BLENDSHAPE_INDEX["jawOpen"]] == pytest.approx(0.4, abs=0.01)


def test_a_feeling_in_passing_gives_way_to_the_one_that_was_set() -> None:
    shown = play(Asked(emotion="sad", strength=1.0, passing=("happy", 1.0, 1.5)), 4.0)
    smile = [motion.blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]] for motion in shown]
    assert smile[round(1.4 * FPS)] > 0.4 and smile[-1] < 0.02
    assert shown[-1].blendshapes[BLENDSHAPE_INDEX["mouthFrownLeft"]] > 0.3


def test_a_look_turns_the_eyes_first_and_then_the_head() -> None:
    aside, ahead = play(Asked(look=(1.0, 0.0)), 2.0), play(Asked(), 2.0)
    turn = [float(np.degrees(a.rotation[1] - b.rotation[1])) for a, b in zip(aside, ahead, strict=True)]
    gaze = [float(a.gaze[0] - b.gaze[0]) for a, b in zip(aside, ahead, strict=True)]  # type: ignore[index]
    assert turn[-1] == pytest.approx(-16, abs=0.5), "the nose goes to the picture's right too"
    assert gaze[-1] == pytest.approx(0.24, abs=0.01)
    assert gaze[4] > 0.9 * gaze[-1] and abs(turn[4]) < 0.5 * abs(turn[-1])


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_moves_the_face_and_is_over(name: str) -> None:
    still = play(Asked(), 3.0)
    moved = play(Asked(gestures=((Gesture(name), 0.5),)), 3.0)
    change = [
        float(np.degrees(np.abs(a.rotation - b.rotation)).max() + 10 * np.abs(a.blendshapes - b.blendshapes).max())
        for a, b in zip(moved, still, strict=True)
    ]
    assert max(change) > 3 and change[-1] == pytest.approx(0, abs=1e-5)
    assert max(abs(after - before) for before, after in pairwise(change)) < 9


def test_a_mouth_that_is_cut_off_closes_within_its_time() -> None:
    heard = voice(0.0, "open", jawOpen=0.6)
    opening = [hushed(heard, since).blendshapes[BLENDSHAPE_INDEX["jawOpen"]] for since in (0, HUSH_S / 2, HUSH_S, 9)]
    assert opening == [pytest.approx(0.6), pytest.approx(0.3), 0, 0]
    assert hushed(heard, HUSH_S).confidence == 0

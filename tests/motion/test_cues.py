"""Stage directions in plain words: understood, graded, or answered with what would be."""

from __future__ import annotations

import re

import numpy as np
import pytest

from avatar.errors import CueError
from avatar.motion.cues import CUES, EMOTIONS, GESTURES, Attend, Feel, Gesture, Look, Mood, emotion_offsets, understand
from avatar.motion.expression import GESTURE_S
from avatar.resources import resource_folder
from avatar.types import BLENDSHAPE_INDEX


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("smile warmly", Feel("warm")),
        ("Please smile!", Feel("happy", 0.8)),
        ("look worried", Feel("worried")),
        ("look a little worried", Feel("worried", 0.5)),
        ("shake your head", Gesture("shake")),
        ("look slightly left", Look(-0.35, 0.0)),
        ("look at me", Look(0.0, 0.0)),
        ("think", Attend("thinking")),
    ],
)
def test_plain_words_are_understood(text: str, asked: object) -> None:
    assert understand(text) == (asked,)


def test_several_directions_in_one_cue_keep_their_order() -> None:
    assert understand("smile broadly, nod and look at the viewer") == (
        Feel("happy", 1.0), Gesture("nod"), Look(0.0, 0.0),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "   ", "!!", "fly to the moon", "smile and explode", "smile " * 100, "look"])
def test_what_is_not_understood_is_answered_with_what_would_be(text: str) -> None:
    with pytest.raises(CueError) as raised:
        understand(text)
    assert "smile warmly" in str(raised.value) or "too long" in str(raised.value)


def test_a_slip_is_answered_with_the_nearest_cue() -> None:
    with pytest.raises(CueError, match="Did you mean 'smile warmly'"):
        understand("smle warmly")


@pytest.mark.parametrize("text", ["neutral", "Neutral please!"])
def test_neutral_ends_feelings_look_and_presence(text: str) -> None:
    assert understand(text) == (Mood("neutral"), Look(0.0, 0.0), Attend("idle"))


def test_every_button_of_the_pages_menu_is_a_cue() -> None:
    page = (resource_folder("client") / "index.html").read_text()
    cues = re.findall(r'class="feeling" value="([^"]*)"', page)
    assert "neutral" in cues
    for cue in cues:
        assert understand(cue)


def test_every_row_of_the_table_can_be_said_and_played() -> None:
    for words, cue in CUES.items():
        assert understand(words) == (cue,)
        if isinstance(cue, Feel):
            assert cue.emotion in EMOTIONS
        if isinstance(cue, Gesture):
            assert cue.name in GESTURES and cue.name in GESTURE_S


def test_an_emotion_is_an_offset_that_grows_with_its_strength() -> None:
    half, full = emotion_offsets("happy", 0.5), emotion_offsets("happy")
    assert full[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.3
    assert half == pytest.approx(full / 2)
    assert not np.any(emotion_offsets("neutral"))


@pytest.mark.parametrize(("name", "strength"), [("gleeful", 1.0), ("happy", -1), ("happy", 9), ("happy", float("nan"))])
def test_unknown_emotions_and_strengths_are_refused(name: str, strength: float) -> None:
    with pytest.raises(CueError):
        emotion_offsets(name, strength)

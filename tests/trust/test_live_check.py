"""The live check: who answers what is asked for, in time, passes; photos, films and others do not."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from avatar.face.mesh import LOWER_LIP_CENTRE
from avatar.face.pose import mean_head, rotation_matrix, to_pixels
from avatar.trust import live_check
from avatar.trust.live_check import ASKED, GESTURE_S, LIKENESS, LOOK_S, MISSES, Check, Sighting, advance, begin
from avatar.trust.live_gestures import FACES, TURNS, Gesture, Posture, does
from avatar.types import BLENDSHAPE_INDEX, BLENDSHAPES, HeadPose

STEP_S = 0.1
POSES: dict[Gesture, dict[str, float]] = {
    "turn_left": {"yaw": -30},
    "turn_right": {"yaw": 30},
    "close_eyes": {"eyes": 0.8},
    "open_mouth": {"jaw": 0.8},
}
"""How a face is held that does what is asked."""
SURE = LIKENESS + 0.02


def seen(
    time_s: float,
    *,
    yaw: float = 0,
    eyes: float = 0,
    jaw: float = 0,
    x: float = 320,
    flat: bool = False,
    faces: int = 1,
) -> Sighting:
    """A picture of a face; a `flat` one is a photo that is held up, and turned instead of the head."""
    pose = HeadPose(
        rotation_matrix(np.radians(np.array([0, yaw, 0], np.float32))), np.array([x, 240, 0], np.float32), 100.0
    )
    head = mean_head() * np.array([1, 1, 0 if flat else 1], np.float32)
    head[LOWER_LIP_CENTRE, 1] += 0.5 * jaw
    blendshapes = np.zeros(len(BLENDSHAPES), np.float32)
    for name, value in (("eyeBlinkLeft", eyes), ("eyeBlinkRight", eyes), ("jawOpen", jaw)):
        blendshapes[BLENDSHAPE_INDEX[name]] = value
    return Sighting(time_s, faces, (640, 480), to_pixels(head, pose).astype(np.float32), blendshapes)


class Person:
    """Somebody before the camera, from whom a picture comes ten times a second."""

    def __init__(self, check: Check | None = None, likeness: float = SURE) -> None:
        self.check = begin(lambda among: among[0], lambda: 0.5) if check is None else check
        self.likeness, self.time_s, self.looks = likeness, 100.0, 0

    def show(self, **held: float | bool) -> None:
        self.time_s += STEP_S
        sighting = seen(self.time_s, **held)  # type: ignore[arg-type]
        self.check = advance(self.check, sighting)
        if self.check.wants_likeness:
            self.looks += 1
            self.check = advance(self.check, replace(sighting, likeness=self.likeness))

    def rest(self) -> Gesture | None:
        """Look to the front until something is asked for, or it is over."""
        asked = self.check.asked
        while self.check.phase == "look" and self.check.asked == asked:
            self.show()
        return self.check.gesture

    def answer(self, **held: float | bool) -> None:
        """Do something for as long as it is asked for, after the time that people take."""
        asked = self.check.asked
        for _ in range(4):
            self.show()
        while self.check.phase == "gesture" and self.check.asked == asked:
            self.show(**held)


def test_who_does_what_is_asked_passes_and_the_score_is_the_likeness() -> None:
    person = Person()
    while (gesture := person.rest()) is not None:
        person.answer(**POSES[gesture])
    assert person.check.phase == "passed"
    assert person.check.score == pytest.approx(SURE)
    assert len(person.check.likenesses) == ASKED + 1
    assert person.looks <= 2 * ASKED + 1  # comparing takes a tenth of a second
    assert advance(person.check, seen(999.0)) is person.check


def test_a_photo_that_is_held_up_and_turned_passes_nothing() -> None:
    person = Person()
    while (gesture := person.rest()) is not None:
        person.answer(**{**POSES[gesture], "eyes": 0, "jaw": 0}, flat=True)
    assert (person.check.phase, person.check.reason) == ("refused", "not_done")
    assert person.check.done == 0


def test_somebody_else_is_refused_after_some_looks() -> None:
    stranger = Person(likeness=LIKENESS - 0.01)
    assert stranger.rest() is None
    assert stranger.check.reason == "not_alike"
    assert stranger.looks == live_check.TRIES


def test_another_face_that_answers_in_their_place_is_noticed() -> None:
    person = Person(begin(lambda among: among[-1], lambda: 0.0))
    assert person.rest() == "open_mouth"
    person.likeness = 0.8
    person.answer(jaw=0.8)
    assert (person.check.done, person.check.asked) == (0, 1)


@pytest.mark.parametrize(
    ("asked", "done"), [("turn_left", "turn_right"), ("close_eyes", "open_mouth"), ("open_mouth", "turn_left")]
)
def test_whoever_does_something_else_is_asked_anew_and_refused_in_the_end(asked: Gesture, done: Gesture) -> None:
    person = Person(replace(begin(random.choice, lambda: 0.0), gestures=(asked,) * (ASKED + MISSES)))
    for miss in range(MISSES + 1):
        assert person.rest() == asked
        person.answer(**POSES[done])
        assert person.check.done == 0
        assert person.check.phase == ("refused" if miss == MISSES else "look")
    assert person.check.reason == "not_done"


def test_what_comes_sooner_than_people_react_was_not_asked_for() -> None:
    person = Person()
    gesture = person.rest()
    assert gesture is not None
    person.show(**POSES[gesture])
    person.show(**POSES[gesture])
    assert (person.check.phase, person.check.done, person.check.asked) == ("look", 0, 1)


def test_words_and_blinks_are_no_answer() -> None:
    for gesture, held in (("open_mouth", {"jaw": 0.8}), ("close_eyes", {"eyes": 0.8})):
        person = Person(replace(begin(random.choice, lambda: 0.0), gestures=(gesture,) * (ASKED + MISSES)))
        person.rest()
        for _ in range(4):
            person.show()
        while person.check.phase == "gesture":
            for held_for in (held, held, {}):
                person.show(**held_for)
        assert person.check.done == 0


def test_what_is_not_done_in_time_is_missed() -> None:
    person = Person()
    person.rest()
    begun_s = person.time_s
    while person.check.phase == "gesture":
        person.show()
    assert person.time_s - begun_s == pytest.approx(GESTURE_S, abs=2 * STEP_S)
    assert (person.check.done, person.check.asked) == (0, 1)


def test_a_second_face_a_jump_and_a_pause_are_no_answer() -> None:
    for disturb in (
        lambda person: person.show(faces=2),
        lambda person: person.show(x=460),
        lambda person: setattr(person, "time_s", person.time_s + 2.0),
    ):
        person = Person()
        gesture = person.rest()
        assert gesture is not None
        for _ in range(4):
            person.show()
        disturb(person)
        for _ in range(8):
            person.show(**POSES[gesture])
        assert person.check.done == 0


def test_hints_say_what_is_in_the_way_and_nobody_is_waited_for_without_end() -> None:
    person = Person()
    for held, hint in (
        ({"yaw": 40}, "look_ahead"),
        ({"x": 10}, "cut_off"),
        ({"faces": 2}, "several_faces"),
        ({}, "hold_still"),
    ):
        person.show(**held)
        person.show(**held)
        assert person.check.hint == hint
    nobody = begin(random.choice, random.random)
    for step in range(round(LOOK_S) + 2):
        nobody = advance(nobody, Sighting(float(step), 0, (640, 480)))
        assert nobody.hint in ("no_face", "")
    assert (nobody.phase, nobody.reason) == ("refused", "not_seen")


def test_gestures_are_drawn_by_chance_and_both_kinds_are_done_whatever_is_missed() -> None:
    drawn = [begin(random.choice, random.random) for _ in range(400)]
    assert len(Counter(check.gestures[:ASKED] for check in drawn)) == 32
    for check in drawn:
        assert len(check.gestures) == len(check.pauses_s) == ASKED + MISSES
        for kind in (TURNS, FACES):
            assert sum(gesture in kind for gesture in check.gestures) > MISSES


@pytest.mark.parametrize("gesture", TURNS)
def test_a_turn_is_the_persons_own_left_or_right_and_shows_depth(gesture: Gesture) -> None:
    rest, turned = posture(seen(0)), posture(seen(1, **POSES[gesture]))
    flat = posture(seen(1, **POSES[gesture], flat=True))
    nose_moves = turned.landmarks_px[1, 0] - rest.landmarks_px[1, 0]
    assert (nose_moves > 0) == (gesture == "turn_left")  # a camera shows people's left on the picture's right
    assert does(gesture, rest, turned)
    assert not does(gesture, rest, flat)


@pytest.mark.parametrize("gesture", FACES)
def test_lids_and_lips_count_only_in_a_face_that_keeps_its_shape(gesture: Gesture) -> None:
    """Of a photo that is turned away, coefficients are measured as if its mouth were open."""
    rest = posture(seen(0))
    assert does(gesture, rest, posture(seen(1, **POSES[gesture])))
    assert not does(gesture, rest, posture(seen(1, **POSES[gesture], yaw=45, flat=True)))


def posture(sighting: Sighting) -> Posture:
    assert sighting.landmarks_px is not None and sighting.blendshapes is not None
    return Posture.of(sighting.landmarks_px, sighting.blendshapes)

"""Whose face is followed: the largest and most central, until another is clearly better for a while."""

from __future__ import annotations

import numpy as np

from avatar.perception.subject import TAKEOVER_S, Choice, FaceBox, Subject, choose_subject, score

FRAME = (640, 480)
MIDDLE = FaceBox((320.0, 240.0), 120.0)
EDGE = FaceBox((560.0, 240.0), 120.0)


def follow(frames: list[list[FaceBox]], fps: float = 30.0) -> list[Choice]:
    choices: list[Choice] = []
    subject: Subject | None = None
    for index, boxes in enumerate(frames):
        choices.append(choose_subject(subject, boxes, FRAME, index / fps))
        subject = choices[-1].subject
    return choices


def test_of_two_alike_the_central_one_is_chosen() -> None:
    assert choose_subject(None, [EDGE, MIDDLE], FRAME, 0.0).index == 1


def test_a_much_larger_face_wins_over_a_central_one() -> None:
    assert choose_subject(None, [MIDDLE, FaceBox((480.0, 240.0), 260.0)], FRAME, 0.0).index == 1


def test_it_sticks_to_its_face_when_a_slightly_better_one_comes() -> None:
    better = FaceBox((320.0, 240.0), 130.0)
    choices = follow([[EDGE]] + [[better, EDGE]] * 90)
    assert [choice.index for choice in choices[1:]] == [1] * 90
    assert score(better, FRAME) > score(EDGE, FRAME)


def test_a_clearly_better_face_takes_over_only_after_a_while() -> None:
    near = FaceBox((300.0, 240.0), 260.0)
    choices = follow([[EDGE]] + [[EDGE, near]] * 60)
    switched = next(index for index, choice in enumerate(choices) if choice.index == 1)
    assert abs((switched - 1) / 30.0 - TAKEOVER_S) < 0.1
    assert choices[switched].changed and not choices[switched + 1].changed


def test_someone_who_only_passes_by_never_takes_over() -> None:
    near = FaceBox((300.0, 240.0), 260.0)
    passing = [[EDGE, near]] * 20 + [[EDGE]] * 5
    assert {choice.index for choice in follow([[EDGE]] + passing * 4)} == {0}


def test_the_order_of_faces_does_not_matter() -> None:
    other = FaceBox((120.0, 200.0), 110.0)
    swapped = np.random.default_rng(0).integers(0, 2, 60).tolist()
    choices = follow([[other, MIDDLE] if swap else [MIDDLE, other] for swap in swapped])
    assert [choice.index for choice in choices] == swapped


def test_while_its_face_is_away_it_waits_and_does_not_jump_to_another() -> None:
    far_off = FaceBox((60.0, 240.0), 60.0)
    choice = follow([[MIDDLE], [far_off], [], [far_off]])
    assert [c.index for c in choice] == [0, None, None, None]
    assert choice[-1].subject is not None and choice[-1].subject.box == MIDDLE


def test_a_fast_mover_is_still_itself() -> None:
    path = [[FaceBox((100.0 + 60.0 * step, 240.0), 120.0)] for step in range(8)]
    assert {choice.index for choice in follow(path)} == {0}


def test_a_clock_that_jumps_back_does_not_bring_a_takeover() -> None:
    near = FaceBox((300.0, 240.0), 260.0)
    first = choose_subject(Subject(EDGE), [EDGE, near], FRAME, 100.0)
    assert choose_subject(first.subject, [EDGE, near], FRAME, 1.0).index == 0


def test_nobody_there() -> None:
    assert choose_subject(None, [], FRAME, 0.0) == Choice(None, None)

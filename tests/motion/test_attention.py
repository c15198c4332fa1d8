"""A listener looks to where the user sits, not the other way, and smiles back a little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar.motion.attention import (
    ANSWERED,
    KEEP_S,
    LOOK_SHARE,
    STEADY,
    Attention,
    UserSeen,
    apply_attention,
    next_attention,
    user_seen,
)
from avatar.motion.expression import Lips
from avatar.motion.presence import PRESENCES, Presence
from avatar.types import BLENDSHAPE_INDEX, FaceState, Motion

FPS = 30
Move = Callable[..., Motion]
SMILE = BLENDSHAPE_INDEX["mouthSmileLeft"]


def being(kind: str) -> Presence:
    return Presence(shares=tuple(float(kind == one) for one in PRESENCES))


def watch(seen: Callable[[float], UserSeen | None], seconds: float, kind: str = "listening") -> list[Attention]:
    states = [Attention()]
    for index in range(1, round(seconds * FPS) + 1):
        states.append(next_attention(states[-1], seen(index / FPS), being(kind), index / FPS))
    return states


def at(x: float, y: float = 0.0, smile: float = 0.0) -> Callable[[float], UserSeen]:
    return lambda now_s: UserSeen(now_s, x, y, smile)


def shown(attention: Attention, move: Move) -> Motion:
    return apply_attention(move(attention.time_s), attention, Lips())


def test_who_sits_to_the_right_in_the_cameras_picture_is_looked_at_to_the_left(move: Move) -> None:
    """Camera and screen face the user: what is right for the one is left for the other. Down is down for both."""
    motion = shown(watch(at(0.6, 0.4), 2.0)[-1], move)
    assert motion.gaze is not None
    assert motion.gaze[0] < -0.05 and motion.gaze[1] > 0.02
    assert np.degrees(motion.rotation[1]) > 3, "the nose goes to the picture's left with the eyes"
    assert np.degrees(motion.rotation[0]) > 1, "and the chin down"
    mirrored = shown(watch(at(-0.6, 0.4), 2.0)[-1], move)
    assert mirrored.rotation[1] == pytest.approx(-motion.rotation[1])


def test_who_sits_in_the_middle_is_looked_in_the_eye(move: Move) -> None:
    still = move(1.0)
    assert apply_attention(still, Attention(), Lips()) is still
    assert not watch(at(STEADY * 0.9), 1.0)[-1].gaze.any()


def test_a_user_who_sways_a_little_does_not_make_the_eyes_swim() -> None:
    states = watch(lambda now_s: UserSeen(now_s, 0.5 + 0.03 * np.sin(9 * now_s), 0.0, 0.0), 3.0)
    assert len({state.place for state in states[2:]}) == 1


def test_the_look_is_bounded_and_the_head_follows_the_eyes_without_a_jump() -> None:
    states = watch(at(5.0, -9.0), 2.0)
    assert states[-1].place == (-LOOK_SHARE, -LOOK_SHARE)
    turns = np.degrees([state.turn[0] for state in states])
    assert np.abs(np.diff(turns)).max() < 1.5 and 8 < turns[-1] < 16


def test_a_user_who_leaves_is_looked_after_and_then_forgotten() -> None:
    states = watch(lambda now_s: UserSeen(min(now_s, 1.0), 0.5, 0.0, 1.0), 5.0)
    assert states[round((1.0 + KEEP_S / 2) * FPS)].place != (0.0, 0.0)
    assert states[-1].place == (0.0, 0.0)
    assert np.abs(states[-1].turn).max() < 1e-3 and states[-1].smile < 0.01


def test_who_thinks_looks_away() -> None:
    listening, thinking = (watch(at(0.6), 2.0, kind)[-1] for kind in ("listening", "thinking"))
    assert abs(thinking.gaze[0]) < 0.5 * abs(listening.gaze[0])


def test_a_smile_is_answered_slightly_and_a_resting_face_is_not(move: Move) -> None:
    answered, rest = (watch(at(0.0, smile=smile), 4.0)[-1] for smile in (0.9, 0.25))
    assert rest.smile == 0
    assert 0.9 * ANSWERED < answered.smile <= ANSWERED
    assert 0.1 < shown(answered, move).blendshapes[SMILE] < 0.5
    assert max(np.diff([state.smile for state in watch(at(0.0, smile=0.9), 4.0)])) < 0.05


def test_a_smile_gives_way_where_lips_must_meet(move: Move) -> None:
    attention = watch(at(0.0, smile=0.9), 4.0)[-1]
    pressed = apply_attention(move(4.0), attention, Lips(closed=1.0, speaking=1.0))
    assert pressed.blendshapes[SMILE] < 0.5 * shown(attention, move).blendshapes[SMILE]


def test_a_face_is_found_in_the_unmirrored_picture_and_a_covered_mouth_does_not_smile(
    driver: Callable[..., FaceState],
) -> None:
    face = driver(mouthSmileLeft=0.8, mouthSmileRight=0.8)
    middle = face.landmarks_px[[33, 263], :2].mean(axis=0)
    seen = user_seen(face, 7.0)
    assert (seen.time_s, seen.x) == (7.0, pytest.approx(2 * middle[0] / 640 - 1))
    assert seen.y == pytest.approx((2 * middle[1] - 480) / 640)
    assert seen.smile > 0.5
    assert user_seen(replace(face, mouth_covered=True), 7.0).smile == 0


def test_attention_depends_on_its_arguments_alone() -> None:
    before = watch(at(0.3), 0.5)[-1]
    first, second = (next_attention(before, UserSeen(0.6, 0.5, 0, 0.5), being("listening"), 0.7) for _ in range(2))
    assert np.array_equal(first.gaze, second.gaze) and first.smile == second.smile
    stopped = next_attention(before, UserSeen(0.4, 0.5, 0, 0.5), being("listening"), before.time_s - 1)
    assert np.array_equal(stopped.gaze, before.gaze)

"""How somebody is there: no jump from one presence to another, and a listener who looks at who speaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.motion.idle import IdleLife
from avatar.motion.presence import CHANGE_S, PRESENCES, Presence, PresenceKind, apply_presence, next_presence
from avatar.types import Motion

FPS = 30


def live(wanted: PresenceKind, seconds: float, presence: Presence | None = None) -> tuple[Presence, list[Motion]]:
    presence = Presence() if presence is None else presence
    begin, shown, idle = presence.time_s, [], IdleLife(1)
    for index in range(1, round(seconds * FPS) + 1):
        presence = next_presence(presence, wanted, begin + index / FPS)
        shown.append(apply_presence(idle.motion(presence.time_s), presence, seed=1))
    return presence, shown


@pytest.mark.parametrize("kind", PRESENCES)
def test_a_presence_is_reached_and_kept(kind: PresenceKind) -> None:
    presence, _ = live(kind, CHANGE_S + 0.1)
    assert presence.share(kind) == pytest.approx(1, abs=1e-6)


def test_a_listener_looks_at_the_speaker_and_nods_now_and_then() -> None:
    presence, _ = live("listening", 1.0)
    _, listening = live("listening", 20.0, presence)
    _, idle = live("idle", 20.0)
    gazes = [np.std([motion.gaze for motion in shown], axis=0)[0] for shown in (listening, idle)]
    assert gazes[0] < 0.4 * gazes[1]
    pitch = np.degrees([motion.rotation[0] for motion in listening])
    assert pitch.max() - np.median(pitch) > 1.5


def test_a_thinker_looks_up_and_aside() -> None:
    _, shown = live("thinking", 2.0)
    gaze = shown[-1].gaze
    assert gaze is not None and gaze[1] < -0.05 and abs(gaze[0]) > 0.05


@given(st.lists(st.tuples(st.sampled_from(PRESENCES), st.floats(0.03, 1.0)), min_size=1, max_size=8))
def test_however_it_changes_the_head_never_jumps(steps: list[tuple[PresenceKind, float]]) -> None:
    presence, shown = Presence(), []
    for wanted, seconds in steps:
        presence, motions = live(wanted, seconds, presence)
        shown += motions
        assert sum(presence.shares) == pytest.approx(1)
    turns = [np.degrees(np.abs(after.rotation - before.rotation)).max() for before, after in pairwise(shown)]
    assert max(turns, default=0.0) < 1.2  # degrees in a thirtieth of a second: a calm move

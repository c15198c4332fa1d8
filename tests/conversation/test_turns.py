"""Turns: when somebody is taken to talk, to have finished, and to cut the avatar short."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.conversation.turns import RULES, TurnBegan, TurnEnded, TurnEvent, TurnRules, TurnState, next_turn

STEP_S = 0.01


def listen(
    *stretches: tuple[bool, float] | tuple[bool, float, bool], avatar: bool = False, rules: TurnRules = RULES
) -> list[tuple[float, TurnEvent]]:
    """Return the events, and when, of stretches of (loud, seconds[, with a voice])."""
    state, events = TurnState(), []
    for loud, seconds, *voice in stretches:
        for _ in range(round(seconds / STEP_S)):
            state, event = next_turn(state, loud, STEP_S, avatar_has_floor=avatar, spoken=all(voice), rules=rules)
            if event is not None:
                events.append((round(state.now_s, 3), event))
    return events


def test_a_sentence_with_a_pause_is_one_turn_that_ends_in_silence() -> None:
    (begun_s, began), (decided_s, ended) = listen((False, 1), (True, 0.8), (False, 0.3), (True, 0.5), (False, 2))
    assert isinstance(began, TurnBegan) and not began.barge_in
    assert began.began_s == pytest.approx(1.0) and begun_s == pytest.approx(1 + RULES.begin_s)
    assert isinstance(ended, TurnEnded)
    assert (ended.began_s, ended.ended_s) == (pytest.approx(1.0), pytest.approx(2.6))
    assert decided_s == pytest.approx(2.6 + RULES.end_s)


def test_a_click_is_no_turn_and_clicks_far_apart_do_not_add_up() -> None:
    assert listen(*[(True, 0.05), (False, 0.3)] * 10) == []


def test_consonants_do_not_break_the_beginning_of_a_word() -> None:
    ((_, began), _) = listen((True, 0.05), (False, 0.1), (True, 0.05), (False, 1))
    assert isinstance(began, TurnBegan) and began.began_s == 0


@pytest.mark.parametrize(("seconds", "cuts"), [(0.1, False), (0.19, False), (0.2, True), (1.0, True)])
def test_the_avatar_is_cut_short_by_a_voice_that_lasts(seconds: float, cuts: bool) -> None:
    events = listen((False, 0.5), (True, seconds), (False, 1), avatar=True)
    assert [type(event) for _, event in events] == ([TurnBegan, TurnEnded] if cuts else [])
    if cuts:
        at_s, began = events[0]
        assert isinstance(began, TurnBegan) and began.barge_in
        assert at_s == pytest.approx(0.5 + RULES.barge_in_s)


def test_music_is_no_turn_and_does_not_cut_the_avatar_short() -> None:
    assert listen((True, 20, False), (False, 1, False)) == []
    assert listen((True, 20, False), avatar=True) == []


def test_a_voice_in_music_is_a_turn_of_its_own_length() -> None:
    (begun_s, began), (decided_s, ended) = listen((True, 5, False), (True, 2), (True, 5, False))
    assert isinstance(began, TurnBegan) and isinstance(ended, TurnEnded)
    assert begun_s == pytest.approx(5.01) and 5 - RULES.onset_s <= began.began_s <= 5
    assert ended.ended_s == pytest.approx(7) and decided_s == pytest.approx(7 + RULES.end_s)


def test_a_short_word_counts_though_it_is_known_for_a_voice_a_little_late() -> None:
    ((begun_s, began), _) = listen((False, 1), (True, 0.12, False), (False, 0.05, False), (False, 1))
    assert isinstance(began, TurnBegan) and began.began_s == pytest.approx(1) and begun_s == pytest.approx(1.18)


def test_an_endless_turn_is_answered_again_and_again() -> None:
    events = listen((True, 95))
    ends = [event for _, event in events if isinstance(event, TurnEnded)]
    assert len(ends) == 3
    assert all(event.ended_s - event.began_s == pytest.approx(RULES.longest_s) for event in ends)


def test_silence_tells_nothing() -> None:
    assert listen((False, 600)) == []


def test_the_same_sound_in_other_pieces_means_the_same() -> None:
    state, events = TurnState(), []
    for loud in [True] * 20 + [False] * 30:
        state, event = next_turn(state, loud, 0.02, avatar_has_floor=False)
        events += [] if event is None else [event]
    fine = [event for _, event in listen((True, 0.4), (False, 0.6))]
    assert [type(event) for event in events] == [type(event) for event in fine] == [TurnBegan, TurnEnded]


def test_every_short_story_alternates_and_never_ends_before_it_began() -> None:
    rules = TurnRules(begin_s=0.02, barge_in_s=0.03, gap_s=0.02, end_s=0.03, longest_s=0.06)
    for story in product((False, True), repeat=10):
        for avatar in (False, True):
            _check(listen(*((loud, STEP_S) for loud in story), avatar=avatar, rules=rules), avatar, rules)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.01, 0.02, 0.5, 40.0])), max_size=200))
def test_any_sound_alternates_beginnings_and_ends(moments: list[tuple[bool, bool, float]]) -> None:
    state, kinds = TurnState(), []
    for loud, avatar, length_s in moments:
        state, event = next_turn(state, loud, length_s, avatar_has_floor=avatar)
        if event is not None:
            kinds.append(type(event))
        if isinstance(event, TurnEnded):
            assert 0 <= event.began_s < event.ended_s <= state.now_s
    assert kinds == ([TurnBegan, TurnEnded] * len(kinds))[: len(kinds)]


def _check(events: list[tuple[float, TurnEvent]], avatar: bool, rules: TurnRules) -> None:
    expected: type[TurnEvent] = TurnBegan
    for at_s, event in events:
        assert isinstance(event, expected)
        expected = TurnEnded if expected is TurnBegan else TurnBegan
        if isinstance(event, TurnBegan):
            assert event.barge_in == avatar
            assert at_s - event.began_s >= (rules.barge_in_s if avatar else rules.begin_s) - 1e-6
        else:
            assert event.began_s < event.ended_s <= at_s + 1e-6

"""What was really heard: counted under bursts, interruptions, lost markers and clocks that leap."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.timing.playback import (
    LEAP_S,
    MARKER_PATIENCE_S,
    PREBUFFER_S,
    Playback,
    Span,
    alive,
    deliver,
    delivered_samples,
    end,
    heard_samples,
    interrupt,
    push,
    pushed_samples,
    ready,
    settle,
    take,
)
from avatar.timing.speech_events import PlaybackEvent, SpeechFinished, SpeechInterrupted, SpeechStarted

RATE = 48_000
BLOCK = 1_600
PERIOD_S = BLOCK / RATE


@dataclass
class Player:
    """Plays an account block by block, as the SDK does, on a clock that the test moves."""

    account: Playback = field(default_factory=lambda: Playback(RATE))
    now_s: float = 100.0
    events: list[PlaybackEvent] = field(default_factory=list)

    def say(self, seconds: float, label: str | None = None) -> bool:
        self.account, accepted = push(self.account, round(seconds * RATE), label)
        return accepted

    def end(self, label: str | None = None) -> None:
        self.account = end(self.account, label)

    def block(self, *, late_s: float = 0.0) -> tuple[Span, ...]:
        """Hand one block over, then let the time of one block pass."""
        spans: tuple[Span, ...] = ()
        if ready(self.account):
            self.account, spans = take(self.account, BLOCK)
        self.now_s += late_s
        silence = BLOCK - sum(span.count for span in spans)
        self.account, events = deliver(self.account, spans, silence, self.now_s)
        self.events += events
        self.now_s += PERIOD_S
        return spans

    def play(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD_S)):
            self.block()

    def cut(self) -> SpeechInterrupted | None:
        self.account, events = interrupt(self.account, self.now_s)
        self.events += events
        return next((event for event in events if isinstance(event, SpeechInterrupted)), None)

    def finished(self) -> list[SpeechFinished]:
        return [event for event in self.events if isinstance(event, SpeechFinished)]


def test_speech_is_heard_to_its_end_and_finishes_once() -> None:
    player = Player()
    player.say(1.0)
    player.end()
    player.play(2.0)
    assert player.events == [SpeechStarted(1, None), SpeechFinished(1, None, 1000.0, marker_lost=False)]
    assert player.account.waiting == ()


def test_an_interruption_tells_what_was_heard_to_the_millisecond() -> None:
    player = Player()
    player.say(60.0)  # far faster than it is spoken
    player.play(0.5)
    player.now_s -= 0.010  # ten milliseconds of the last block are still to be played
    told = player.cut()
    assert told is not None
    assert told.heard_ms == pytest.approx(490, abs=1)
    assert told.heard_ms + told.unheard_ms == pytest.approx(60_000)


def test_what_is_taken_but_not_delivered_was_not_heard() -> None:
    player = Player()
    player.say(1.0)
    player.end()
    player.play(0.2)
    player.account, spans = take(player.account, BLOCK)
    told = player.cut()
    assert told is not None and told.heard_ms == pytest.approx(200, abs=1)
    assert not alive(player.account, spans[0].utterance)
    player.account, events = deliver(player.account, spans, 0, player.now_s)
    assert events == () and heard_samples(player.account, player.now_s + 1) == 0


def test_two_utterances_that_share_a_block_are_both_cut_short() -> None:
    player = Player()
    player.say(0.02, "a")
    player.say(1.0, "b")
    player.say(1.0, "c")
    player.block()
    player.now_s -= PERIOD_S - 0.01  # in the middle of "a"
    player.cut()
    cuts = [event for event in player.events if isinstance(event, SpeechInterrupted)]
    assert [(cut.label, cut.heard_ms, cut.unheard_ms) for cut in cuts] == [
        ("a", pytest.approx(10, abs=0.1), pytest.approx(10, abs=0.1)),
        ("b", 0, pytest.approx(2000)),
    ]


def test_interrupting_twice_counts_once() -> None:
    player = Player()
    player.say(1.0)
    player.play(0.3)
    assert player.cut() is not None
    assert player.cut() is None
    assert sum(isinstance(event, SpeechInterrupted) for event in player.events) == 1


def test_interrupting_before_anything_was_said_is_nothing() -> None:
    player = Player()
    assert player.cut() is None and player.events == []


def test_interrupting_speech_that_has_not_begun_heard_nothing_of_it() -> None:
    player = Player()
    player.say(2.0)
    told = player.cut()
    assert told is not None and told.heard_ms == 0 and told.unheard_ms == pytest.approx(2000)


def test_interrupting_after_the_last_word_finds_it_finished() -> None:
    player = Player()
    player.say(10 * PERIOD_S)
    player.end()
    for _ in range(10):
        player.block()
    assert player.finished() == []
    assert player.cut() is None
    assert [event.heard_ms for event in player.finished()] == [pytest.approx(10e3 * PERIOD_S)]


def test_late_sound_of_an_interrupted_utterance_is_dropped_and_counted() -> None:
    player = Player()
    player.say(1.0, "answer-1")
    player.play(0.3)
    player.cut()
    assert not player.say(0.5, "answer-1")
    player.end("answer-1")
    assert player.account.late == 0.5 * RATE
    assert player.say(0.5, "answer-2")
    player.end("answer-2")
    player.play(1.0)
    assert [(event.label, event.heard_ms) for event in player.finished()] == [("answer-2", pytest.approx(500))]


def test_the_late_marker_of_an_interrupted_utterance_is_no_empty_one() -> None:
    player = Player()
    player.say(1.0)
    player.play(0.3)
    player.cut()
    player.end()
    player.play(0.2)
    assert player.finished() == []


def test_an_empty_utterance_finishes_in_its_turn() -> None:
    player = Player()
    player.say(0.3, "first")
    player.end("first")
    player.end("empty")
    player.say(0.3, "last")
    player.end("last")
    player.play(1.0)
    assert [(event.label, round(event.heard_ms)) for event in player.finished()] == [
        ("first", 300), ("empty", 0), ("last", 300),
    ]  # fmt: skip


def test_a_lost_end_marker_does_not_hold_up_the_turn() -> None:
    player = Player()
    player.say(0.5)
    player.play(0.5 + MARKER_PATIENCE_S / 2)
    assert player.finished() == []
    player.play(MARKER_PATIENCE_S)
    assert player.finished() == [SpeechFinished(1, None, 500.0, marker_lost=True)]
    player.end()  # it comes after all
    player.play(0.2)
    assert len(player.finished()) == 1


def test_a_pause_within_an_utterance_is_no_end() -> None:
    player = Player()
    player.say(0.4)
    player.play(0.4 + MARKER_PATIENCE_S / 2)
    player.say(0.4)
    player.end()
    player.play(1.0)
    assert [(event.heard_ms, event.marker_lost) for event in player.finished()] == [(pytest.approx(800), False)]


def test_where_end_markers_do_not_get_lost_no_pause_is_an_end() -> None:
    player = Player(Playback(RATE, marker_patience_s=float("inf")))
    for _ in range(2):
        player.say(0.4)
        player.play(0.4 + 2 * MARKER_PATIENCE_S)
    assert player.finished() == []
    assert delivered_samples(player.account) == pushed_samples(player.account) == round(0.8 * RATE)
    _, events = interrupt(player.account, player.now_s)
    assert events == (SpeechInterrupted(1, None, 800.0, 0.0),)


def test_another_speaker_waits_for_the_first_to_end() -> None:
    player = Player()
    player.say(0.4, "ann")
    player.say(0.4, "bob")
    player.end("bob")
    player.play(1.0)
    assert [event.label for event in player.finished()] == ["ann", "bob"]
    assert not any(event.marker_lost for event in player.finished())


def test_the_end_of_one_speaker_does_not_cut_another() -> None:
    player = Player()
    player.say(0.4, "ann")
    player.say(0.4, "bob")
    player.end("ann")
    player.say(0.4, "bob")
    player.end("bob")
    player.end("ann")
    player.play(1.5)
    assert player.events == [
        SpeechStarted(1, "ann"), SpeechFinished(1, "ann", 400.0, marker_lost=False),
        SpeechStarted(2, "bob"), SpeechFinished(2, "bob", 800.0, marker_lost=False),
    ]  # fmt: skip


@pytest.mark.parametrize("heard_s", [0.2, 0.7, 0.4 + MARKER_PATIENCE_S + 0.2])
def test_the_end_of_one_who_was_heard_before_does_not_cut_another(heard_s: float) -> None:
    player = Player()
    player.say(0.4, "ann")
    player.play(heard_s)
    player.say(0.4, "bob")
    player.play(0.5)
    player.end("ann")
    player.say(0.4, "bob")
    player.end("bob")
    player.end("nobody has begun")
    player.play(1.5)
    assert [(event.label, round(event.heard_ms)) for event in player.finished()] == [
        ("ann", 400), ("bob", 800), ("nobody has begun", 0),
    ]  # fmt: skip


def test_a_marker_without_a_name_ends_whoever_speaks() -> None:
    player = Player()
    player.say(0.4, "ann")
    player.end()
    player.play(0.6)
    assert player.finished() == [SpeechFinished(1, "ann", 400.0, marker_lost=False)]


def test_sound_that_trickles_in_waits_for_what_the_mouth_must_know() -> None:
    player = Player()
    player.say(PREBUFFER_S / 2)
    assert player.block() == ()
    player.say(PREBUFFER_S / 2)
    assert player.block() != ()


def test_a_single_short_word_does_not_wait() -> None:
    player = Player()
    player.say(PREBUFFER_S / 2)
    player.end()
    assert player.block() != ()


def test_blocks_handed_over_in_a_burst_are_heard_one_after_another() -> None:
    player = Player()
    player.say(2.0)
    for _ in range(3):
        player.block()
        player.now_s -= PERIOD_S
    assert heard_samples(player.account, player.now_s) == 0
    assert heard_samples(player.account, player.now_s + 0.05) == pytest.approx(0.05 * RATE, abs=1)
    assert heard_samples(player.account, player.now_s + 9) == 3 * BLOCK


@pytest.mark.parametrize("step_s", [-3600.0, -1.0, -0.05, 0.05, 1.0, 3600.0])
def test_a_clock_that_steps_never_counts_more_than_was_delivered_nor_loses_it(step_s: float) -> None:
    player = Player()
    player.say(1.0)
    player.end()
    player.play(0.3)
    player.now_s += step_s
    before = round(0.3 / PERIOD_S) * BLOCK
    assert before - BLOCK <= heard_samples(player.account, player.now_s) <= before
    player.play(1.5)
    assert [event.heard_ms for event in player.finished()] == [1000.0]


_STEPS = st.one_of(
    st.tuples(st.just("say"), st.floats(0, 0.4), st.sampled_from([None, "a", "b", "c"])),
    st.tuples(st.just("end"), st.sampled_from([None, "a", "b", "c"])),
    st.tuples(st.just("block"), st.floats(0, 0.2)),
    st.tuples(st.just("cut")),
    st.tuples(st.just("leap"), st.one_of(st.floats(-5000, 5000), st.floats(-0.03, 0))),
)


@given(st.lists(_STEPS, max_size=60))
def test_whatever_happens_each_utterance_ends_once_and_nothing_is_heard_twice(steps: list[tuple[object, ...]]) -> None:
    player, pushed = Player(), 0
    named: set[object] = set()
    for kind, *how in steps:
        if kind == "say":
            count = round(float(how[0]) * RATE)  # type: ignore[arg-type]
            pushed += count * player.say(how[0], how[1])  # type: ignore[arg-type]
        elif kind == "end":
            before = player.account
            player.end(how[0])  # type: ignore[arg-type]
            speaking = {one.label for one in before.waiting[-1:] if not one.complete}
            if how[0] in named - speaking:
                assert player.account == before, "the end of one that has ended changes nothing"
        elif kind == "block":
            player.block(late_s=how[0])  # type: ignore[arg-type]
        elif kind == "cut":
            player.cut()
        else:
            player.now_s += how[0]  # type: ignore[operator]
        named |= {one.label for one in player.account.waiting} - {None}
        for one in player.account.waiting:
            assert 0 <= one.delivered <= one.taken <= one.pushed
        heard = heard_samples(player.account, player.now_s)
        assert 0 <= heard <= (player.account.waiting[0].delivered if player.account.waiting else 0)
        assert sum(span.count for span in player.account.recent) <= (LEAP_S + 0.5) * RATE + 2 * BLOCK
    player.end()
    for _ in range(2000):
        if not player.account.waiting:
            break
        player.block()
    ends = [event for event in player.events if isinstance(event, SpeechFinished | SpeechInterrupted)]
    numbers = [event.utterance for event in ends]
    assert player.account.waiting == ()
    assert numbers == sorted(set(numbers))
    started = [event.utterance for event in player.events if isinstance(event, SpeechStarted)]
    assert started == sorted(set(started)) and set(started) <= set(numbers)
    unheard = sum(event.unheard_ms for event in ends if isinstance(event, SpeechInterrupted))
    assert sum(event.heard_ms for event in ends) + unheard == pytest.approx(1e3 * pushed / RATE, abs=0.1)
    settled, told = settle(player.account, player.now_s)  # a step of the clock after the last block is taken in here
    assert told == () and settle(settled, player.now_s) == (settled, ())

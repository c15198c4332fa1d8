"""Turn taking: loud and quiet moments of the user's audio in, beginnings and ends of turns out.

    quiet --(loud enough, long enough)--> talking --(silence, or too long)--> quiet
            '- while the avatar has the floor it takes longer, and cuts the avatar short

A pure function of (state, moment of audio); the audio's own length is the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Thresholds of the turn detection, seconds."""

    begin_s: float = 0.08
    """Loud sound from which somebody talks: a click is shorter."""
    barge_in_s: float = 0.2
    """Loud sound that cuts the avatar short: a cough or an "mhm" does not."""
    gap_s: float = 0.2
    """Silence after which loud sound that began no turn is forgotten."""
    end_s: float = 0.4
    """Silence that ends a turn: pauses between words are shorter."""
    onset_s: float = 0.3
    """How long a voice may have been there when it is known to be one: loud sound before that was something else."""
    longest_s: float = 30.0
    """A turn is answered after so long even if nobody pauses."""


RULES: Final = TurnRules()


@dataclass(frozen=True, slots=True)
class TurnState:
    """State of `next_turn`. Start with `TurnState()`."""

    now_s: float = 0.0
    """Seconds of audio so far: the clock of all times here."""
    talking: bool = False
    began_s: float = 0.0
    """Where the loud sound at hand began."""
    loud_s: float = 0.0
    """How much of it was loud."""
    last_loud_s: float = 0.0
    """Where the last loud sound ended."""


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """The user talks."""

    began_s: float
    """When the first sound of it came, on the clock of the sound."""
    barge_in: bool
    """The avatar had the floor and has lost it."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The user has said what they wanted to say."""

    began_s: float
    ended_s: float
    """When the last sound of it ended, on the clock of the sound; `TurnState.now_s` is when that was decided."""


TurnEvent: TypeAlias = TurnBegan | TurnEnded


def next_turn(
    state: TurnState,
    loud: bool,
    length_s: float,
    *,
    avatar_has_floor: bool,
    spoken: bool = True,
    rules: TurnRules = RULES,
) -> tuple[TurnState, TurnEvent | None]:
    """Return the state after a moment of the user's audio, and the turn that it begins or ends.

    Args:
        state: before.
        loud: whether it is louder than the room.
        length_s: how long it is, above 0: some hundredths of a second.
        avatar_has_floor: the avatar speaks, or is about to.
        spoken: a voice was detected lately. What is loud without one, such as music, neither begins a turn nor keeps
            one from ending.
        rules: how patient to be.
    """
    start_s, now_s = state.now_s, state.now_s + length_s
    state = replace(state, now_s=now_s)
    if loud:
        fresh = not state.talking and state.loud_s <= 0
        state = replace(
            state,
            began_s=start_s if fresh else state.began_s,
            loud_s=state.loud_s + length_s,
            last_loud_s=now_s if spoken or not state.talking else state.last_loud_s,
        )
    silence_s = now_s - state.last_loud_s
    if state.talking:
        if _reached(silence_s, rules.end_s) or _reached(now_s - state.began_s, rules.longest_s):
            return _forget(state), TurnEnded(state.began_s, state.last_loud_s)
        return state, None
    if not loud and _reached(silence_s, rules.gap_s):
        return _forget(state), None
    if spoken and _reached(state.loud_s, rules.barge_in_s if avatar_has_floor else rules.begin_s):
        began_s = max(state.began_s, now_s - rules.onset_s)
        return replace(state, talking=True, began_s=began_s), TurnBegan(began_s, avatar_has_floor)
    return state, None


def _reached(value_s: float, bound_s: float) -> bool:
    """Compare sums of many small lengths, which are a little less than what they stand for."""
    return value_s >= bound_s - 1e-6


def _forget(state: TurnState) -> TurnState:
    return TurnState(now_s=state.now_s, last_loud_s=state.last_loud_s)

"""How good a call's picture may be on this machine and line: a pure function of what was observed and of the clock.

A call that has too little of either becomes simpler, never later: down the ladder as soon as pictures come late, as far
as the shortage asks for; up again one step at a time, once the call has been calm for a while and the processor has
room for what the step costs. A step up that has to be taken back makes the next one wait twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from avatar.timing.quality_ladder import LADDER, QualityLevel

Shortage: TypeAlias = Literal["", "cpu", "calls", "network"]
"""What there is too little of: nothing, processor time (`calls`: since there are several of them), or what the line to
the page carries."""


LATE_S: Final = 0.09
"""Median time from a camera frame's coming to its picture's leaving from which pictures are late."""
LATE_SHARE: Final = 0.75
"""Lateness alone never asks for more than a quarter less work: it grows without end where only a little is missing."""
BUSY_SHARE: Final = 1.0
"""Share of its time that the busiest stage may work: beyond, it passes pictures over. Stages are timed by the clock on
the wall, so beside other work one seems busier than it is: no reason to step down as long as pictures come in time."""
AGED_S: Final = 0.06
"""So long a camera frame may wait until it is looked at, and a picture until it is encoded: by then the second after
it has come. What waits tells of a shortage before any picture has come late."""
MOST_WAITING: Final = 4
"""Camera frames that may wait to be decoded."""
RATE_SHARE: Final = 0.87
"""Share of the pictures wanted that have to leave."""
SHORT_S: Final = 0.4
"""A shortage that lasts so long is one: a stumble of a few pictures is over by then."""
CALM_S: Final = 3.0
"""How long a call is calm before it takes a step up; doubled by each step up that has to be taken back."""
LONGEST_CALM_S: Final = 300.0
STEP_S: Final = 3.0
"""Steps are at least so far apart."""
FIRST_S: Final = 2.0
"""And the first is so long after the call's beginning: its first pictures are slow on any machine. What the server asks
of a call is not waited with: as it begins beside others, they make room for it."""
PROOF_S: Final = 10.0
"""A step up that has held for so long has worked."""
OTHERS_GREW: Final = 0.3
"""Cores more that other programs use, from which a shortage after a step up is theirs and not the step's."""
ROOM: Final = 0.85
"""Share of the limits that the level above is expected to need at most, before it is tried."""
SPARE_SHARE: Final = 0.7
"""Share of the idle processor time that a step up may be expected to take."""
GREEDY_SPARE: Final = 0.1
"""Fewer cores than this stand idle beside programs that take whatever there is ..."""
GREEDY_CORES: Final = 0.5
"""... and use at least so many. A call that needs more gets more from them than stands idle, up to its fair part: how
much, only a trial can tell."""
GREEDY_ROOM: Final = 0.6
"""Share of the limits that the level above may be expected to need beside them, in place of `ROOM`."""
GREEDY_CALM: Final = 2.0
"""So many times longer a call is calm before it tries."""
GREEDY_PROOF_S: Final = 30.0
"""And so long the trial has to hold: what they leave comes and goes."""
BITRATE_ROOM: Final = 1.3
"""How much more than the level above needs the line has to carry before it is tried."""
LOSS_HIGH: Final = 0.10
"""Share of lost packets from which fewer are sent (as `stream.rate_control`: draft-ietf-rmcat-gcc-02, section 6)."""
LONG_ROUND_TRIP_S: Final = 0.5
"""A round trip so much above the shortest seen is a queue in the network."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was measured of a call over about the last second; None: not known, or there is none."""

    wanted_fps: float
    """Pictures a second that should leave: camera frames that came, or the rate of idle life."""
    sent_fps: float
    latency_s: float | None = None
    """Median time from a camera frame's coming to its picture's leaving, less what is waited for on purpose."""
    busy_share: float = 0.0
    """Share of its time that the busiest stage works to make `wanted_fps`: following the face, drawing or encoding."""
    camera_age_s: float | None = None
    """Median age of a camera frame when it is looked at."""
    picture_age_s: float | None = None
    """Median age of a picture when it is encoded."""
    frames_waiting: int = 0
    """Camera frames that wait to be decoded."""
    target_bps: float | None = None
    """What the receiver's estimate and the losses allow the picture to take."""
    loss: float | None = None
    """Share of the picture's packets that are lost."""
    round_trip_s: float | None = None
    own_cores: float | None = None
    """Processor cores that the server uses, with all its calls."""
    spare_cores: float | None = None
    """Cores that stand idle."""
    other_cores: float | None = None
    """Cores that other programs use."""
    calls: int = 1
    """Calls that run, with this one."""
    shared_level: int = 0
    """Level of the ladder that the server asks all its calls to be at, at least, so that it can hold them all."""


@dataclass(frozen=True, slots=True)
class QualityState:
    """Where a call stands on the ladder. Start with `QualityState(changed_s=now)`; times are of one monotonic clock."""

    changed_s: float
    """When the last step was taken, or the call began."""
    stepped: bool = False
    """Whether a step was taken since the call began."""
    level: int = 0
    """Index into `LADDER`."""
    why: Shortage = ""
    """What the level is below the top for."""
    short_since_s: float | None = None
    calm_since_s: float | None = None
    calm_s: float = CALM_S
    """How long the call has to be calm before the next step up."""
    raised_s: float | None = None
    """When the last step up was taken, while it is not proven."""
    raised_from: int = 0
    """The level before it."""
    raised_others: float | None = None
    """Cores that other programs used then."""
    proof_s: float = PROOF_S
    """How long it has to hold to be proven."""
    least_round_trip_s: float | None = None


def next_quality(
    state: QualityState, seen: Observation, now_s: float, ladder: Sequence[QualityLevel] = LADDER
) -> QualityState:
    """Return where the call stands after an observation; a few a second."""
    state = _with_round_trip(state, seen)
    if state.raised_s is not None and now_s - state.raised_s >= state.proof_s:
        state = replace(state, raised_s=None, calm_s=CALM_S)
    strain = _strain(seen)
    least_level = min(seen.shared_level, len(ladder) - 1)
    too_few = seen.wanted_fps >= 1 and seen.sent_fps < RATE_SHARE * seen.wanted_fps
    processor_short = strain > 1 or too_few
    # A server that is late measures late: round trips and losses say nothing of the line then.
    line_short = not processor_short and _line_short(state, seen, ladder)
    short = processor_short or line_short
    tries = _tries_beside_greedy(seen)
    calm = not short and state.level > 0 and _has_room(state.level, state.level - 1, seen, strain, ladder)
    state = replace(
        state,
        short_since_s=(now_s if state.short_since_s is None else state.short_since_s) if short else None,
        calm_since_s=(now_s if state.calm_since_s is None else state.calm_since_s) if calm else None,
    )
    if not short and 0 < state.level <= least_level:
        state = replace(state, why="calls")  # what it stepped down for is over, what keeps it there are the others
    since_s = now_s - state.changed_s
    if state.level < least_level and (since_s >= STEP_S or not state.stepped):
        return _stepped(state, least_level, "calls", now_s)
    if since_s < (STEP_S if state.stepped else FIRST_S):
        return state
    if state.short_since_s is not None and now_s - state.short_since_s >= SHORT_S and state.level + 1 < len(ladder):
        share = _affordable_share(seen) if processor_short else 1.0
        return _lower(state, seen, share, now_s, line_short=line_short, ladder=ladder)
    calm_for_s = 0.0 if state.calm_since_s is None else now_s - state.calm_since_s
    if state.level > least_level and calm_for_s >= state.calm_s * (GREEDY_CALM if tries else 1):
        level = _better(state, seen, strain, least_level, ladder)
        stepped = _stepped(state, level, state.why if level else "", now_s)
        proof_s = GREEDY_PROOF_S if tries else PROOF_S
        return replace(
            stepped, raised_s=now_s, raised_from=state.level, raised_others=seen.other_cores, proof_s=proof_s
        )
    return state


def is_exhausted(state: QualityState, now_s: float, ladder: Sequence[QualityLevel] = LADDER) -> bool:
    """Return whether the call has too little processor time though it is as simple as it gets."""
    last = state.level + 1 == len(ladder) and state.why != "network"
    return last and state.short_since_s is not None and now_s - state.short_since_s >= SHORT_S


def _stepped(state: QualityState, level: int, why: Shortage, now_s: float) -> QualityState:
    return replace(
        state,
        changed_s=now_s,
        stepped=True,
        level=level,
        why=why,
        short_since_s=None,
        calm_since_s=None,
        raised_s=None,
    )


def _strain(seen: Observation) -> float:
    """Return how near a call is to what it may take, by the measure that is nearest to its limit: 1 is there."""
    aged_s = max(seen.camera_age_s or 0.0, seen.picture_age_s or 0.0)
    return max(
        (seen.latency_s or 0.0) / LATE_S,
        seen.busy_share / BUSY_SHARE,
        aged_s / AGED_S,
        seen.frames_waiting / MOST_WAITING,
    )


def _affordable_share(seen: Observation) -> float:
    """Return what share of the present processor time there is."""
    shares = [
        seen.sent_fps / seen.wanted_fps if seen.wanted_fps >= 1 else 1.0,
        BUSY_SHARE / max(seen.busy_share, BUSY_SHARE),
        max(LATE_S / max(seen.latency_s or 0.0, LATE_S), LATE_SHARE),
    ]
    return min(shares)


def _with_round_trip(state: QualityState, seen: Observation) -> QualityState:
    if seen.round_trip_s is None:
        return state
    known = state.least_round_trip_s
    return replace(state, least_round_trip_s=seen.round_trip_s if known is None else min(known, seen.round_trip_s))


def _line_short(state: QualityState, seen: Observation, ladder: Sequence[QualityLevel]) -> bool:
    if seen.target_bps is not None and seen.target_bps < ladder[state.level].least_bps:
        return True
    if seen.loss is not None and seen.loss > LOSS_HIGH:
        return True
    least_s = state.least_round_trip_s
    return least_s is not None and seen.round_trip_s is not None and seen.round_trip_s - least_s > LONG_ROUND_TRIP_S


def _has_room(here: int, there: int, seen: Observation, strain: float, ladder: Sequence[QualityLevel]) -> bool:
    """Return whether machine and line are expected to carry the better level `there` as well."""
    times = ladder[there].cost / ladder[here].cost
    tries = _tries_beside_greedy(seen)
    if strain * times > (GREEDY_ROOM if tries else ROOM):
        return False
    if seen.target_bps is not None and seen.target_bps < BITRATE_ROOM * ladder[there].least_bps:
        return False
    if tries or seen.own_cores is None or seen.spare_cores is None:
        return True  # only a trial can tell
    return seen.own_cores * (times - 1) <= SPARE_SHARE * seen.spare_cores


def _tries_beside_greedy(seen: Observation) -> bool:
    """Return whether other programs take all there is: what stands idle then says nothing of what a call would get."""
    spare, others = seen.spare_cores, seen.other_cores
    return spare is not None and others is not None and spare < GREEDY_SPARE and others >= GREEDY_CORES


def _better(
    state: QualityState, seen: Observation, strain: float, least_level: int, ladder: Sequence[QualityLevel]
) -> int:
    """Return the level to step up to: one better, or two where there is known to be room for both."""
    two = state.level - 2
    known = seen.spare_cores is not None and seen.own_cores is not None and not _tries_beside_greedy(seen)
    return two if known and two >= least_level and _has_room(state.level, two, seen, strain, ladder) else two + 1


def _lower(
    state: QualityState,
    seen: Observation,
    affordable_share: float,
    now_s: float,
    *,
    line_short: bool,
    ladder: Sequence[QualityLevel],
) -> QualityState:
    """Take back a step up, or step down as far as the shortage asks for: of processor time, or of bits a second."""
    here = ladder[state.level]
    failed = state.raised_s is not None and not _others_came(state, seen)
    level = max(state.level + 1, state.raised_from) if failed else state.level + 1
    affordable = here.cost * affordable_share
    bearable_bps = min(here.least_bps - 1, seen.target_bps or here.least_bps) if line_short else here.least_bps
    # The last level costs so many pictures that it takes a shortage that goes on, not one stumble, to get there.
    furthest = max(len(ladder) - 2, state.level + 1)
    while not failed and level < furthest:
        if ladder[level].cost <= affordable and ladder[level].least_bps <= bearable_bps:
            break
        level += 1
    stepped = _stepped(state, level, "network" if line_short else _whose(seen), now_s)
    return replace(stepped, calm_s=min(2 * state.calm_s, LONGEST_CALM_S)) if failed else stepped


def _others_came(state: QualityState, seen: Observation) -> bool:
    """Return whether other programs work more than when the last step up was taken: it was right then."""
    if state.raised_others is None or seen.other_cores is None:
        return False
    return seen.other_cores - state.raised_others > OTHERS_GREW


def _whose(seen: Observation) -> Shortage:
    """Return whether it is other calls or other programs that leave too little processor time."""
    if seen.calls > 1 and (seen.own_cores or 0.0) >= (seen.other_cores or 0.0):
        return "calls"
    return "cpu"

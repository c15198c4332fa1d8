"""How good a call's picture may be on this machine and line: a pure function of what was observed and of the clock.

A call that has too little of either becomes simpler, never later: down the ladder as soon as pictures come late, as far
as the shortage asks for; up again one step at a time, once the call has been calm for a while and the processor has
room for what the step costs. A step up that has to be taken back makes the next one wait twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Shortage: TypeAlias = Literal["", "cpu", "calls", "network"]
"""What there is too little of: nothing, processor time (`calls`: since there are several of them), or what the line to
the page carries."""


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What the page's camera is asked to send, at most."""

    width: int
    height: int
    fps: int
    max_bitrate_bps: int


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """One step of the ladder."""

    picture_scale: float
    """Sides of the picture, of what the call asked for."""
    plain: bool
    """Drawn by the geometry tier, whatever tier was asked for."""
    look_every: int
    """The face is looked for in every so many camera frames; in those between it is expected to move on."""
    fps_share: float
    """Pictures a second, of what the call asked for."""
    camera: CameraRequest
    most_bps: int
    """Ceiling of the picture's bit rate."""
    least_bps: int
    """Below this bit rate the next smaller picture looks better than this one."""
    cost: float
    """Processor time of a second of this call, where the first level's is 1."""


LADDER: Final = (
    QualityLevel(1.0, False, 1, 1.0, CameraRequest(640, 480, 30, 1_500_000), 20_000_000, 400_000, 1.0),
    QualityLevel(1.0, False, 2, 1.0, CameraRequest(640, 480, 30, 1_000_000), 20_000_000, 400_000, 0.86),
    QualityLevel(0.75, True, 2, 1.0, CameraRequest(640, 480, 30, 800_000), 1_500_000, 300_000, 0.69),
    QualityLevel(0.5, True, 2, 1.0, CameraRequest(480, 360, 30, 600_000), 800_000, 200_000, 0.57),
    QualityLevel(0.5, True, 2, 2 / 3, CameraRequest(320, 240, 20, 300_000), 400_000, 0, 0.4),
)
"""From the best to the least; docs/how-it-works.md shows it as a table. The costs were measured: decoding, following,
drawing (512x512, geometry) and encoding, on two hyperthreads, where 1 was 27 ms of processor time a picture."""

LATE_S: Final = 0.09
"""Median time from a camera frame's coming to its picture's leaving from which pictures are late."""
LATE_SHARE: Final = 0.7
"""Lateness alone never asks for more than 30 % less work: it grows without end where only a little is missing."""
BUSY_SHARE: Final = 1.0
"""Share of its time that the busiest stage may work: beyond, it passes pictures over. Stages are timed by the clock on
the wall, so beside other work one seems busier than it is: no reason to step down as long as pictures come in time."""
RATE_SHARE: Final = 0.87
"""Share of the pictures wanted that have to leave."""
SHORT_S: Final = 0.4
"""A shortage that lasts so long is one: a stumble of a few pictures is over by then."""
CALM_S: Final = 3.0
"""How long a call is calm before it takes a step up; doubled by each step up that has to be taken back."""
LONGEST_CALM_S: Final = 300.0
STEP_S: Final = 3.0
"""Steps are at least so far apart, and the first is so long after the call's beginning."""
PROOF_S: Final = 10.0
"""A step up that has held for so long has worked."""
ROOM: Final = 0.85
"""Share of the limits that the level above is expected to need at most, before it is tried."""
SPARE_SHARE: Final = 0.7
"""Share of the idle processor time that a step up may be expected to take."""
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


@dataclass(frozen=True, slots=True)
class QualityState:
    """Where a call stands on the ladder. Start with `QualityState(changed_s=now)`; times are of one monotonic clock."""

    changed_s: float
    """When the last step was taken, or the call began."""
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
    least_round_trip_s: float | None = None


def next_quality(
    state: QualityState, seen: Observation, now_s: float, ladder: Sequence[QualityLevel] = LADDER
) -> QualityState:
    """Return where the call stands after an observation; a few a second."""
    state = _with_round_trip(state, seen)
    if state.raised_s is not None and now_s - state.raised_s >= PROOF_S:
        state = replace(state, raised_s=None, calm_s=CALM_S)
    strain = _strain(seen)
    too_few = seen.wanted_fps >= 1 and seen.sent_fps < RATE_SHARE * seen.wanted_fps
    processor_short = strain > 1 or too_few
    # A server that is late measures late: round trips and losses say nothing of the line then.
    line_short = not processor_short and _line_short(state, seen, ladder)
    short = processor_short or line_short
    calm = not short and _has_room(state, seen, strain, ladder)
    state = replace(
        state,
        short_since_s=(now_s if state.short_since_s is None else state.short_since_s) if short else None,
        calm_since_s=(now_s if state.calm_since_s is None else state.calm_since_s) if calm else None,
    )
    if now_s - state.changed_s < STEP_S:
        return state
    if state.short_since_s is not None and now_s - state.short_since_s >= SHORT_S and state.level + 1 < len(ladder):
        share = _affordable_share(seen) if processor_short else 1.0
        return _lower(state, seen, share, now_s, line_short=line_short, ladder=ladder)
    if state.level and state.calm_since_s is not None and now_s - state.calm_since_s >= state.calm_s:
        level = state.level - 1
        return replace(
            state, changed_s=now_s, level=level, why=state.why if level else "", calm_since_s=None, raised_s=now_s
        )
    return state


def is_exhausted(state: QualityState, now_s: float, ladder: Sequence[QualityLevel] = LADDER) -> bool:
    """Return whether the call has too little processor time though it is as simple as it gets."""
    last = state.level + 1 == len(ladder) and state.why != "network"
    return last and state.short_since_s is not None and now_s - state.short_since_s >= SHORT_S


def _strain(seen: Observation) -> float:
    """Return how much of what a call may take its pictures take: 1 is the limit."""
    return max((seen.latency_s or 0.0) / LATE_S, seen.busy_share / BUSY_SHARE)


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


def _has_room(state: QualityState, seen: Observation, strain: float, ladder: Sequence[QualityLevel]) -> bool:
    """Return whether machine and line are expected to carry the level above."""
    if not state.level:
        return False
    above = ladder[state.level - 1]
    times = above.cost / ladder[state.level].cost
    if strain * times > ROOM:
        return False
    if seen.target_bps is not None and seen.target_bps < BITRATE_ROOM * above.least_bps:
        return False
    if seen.own_cores is None or seen.spare_cores is None:
        return True  # only a trial can tell
    return seen.own_cores * (times - 1) <= SPARE_SHARE * seen.spare_cores


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
    failed = state.raised_s is not None
    level = state.level + 1
    affordable = here.cost * affordable_share
    bearable_bps = min(here.least_bps - 1, seen.target_bps or here.least_bps) if line_short else here.least_bps
    while not failed and level + 1 < len(ladder):
        if ladder[level].cost <= affordable and ladder[level].least_bps <= bearable_bps:
            break
        level += 1
    return replace(
        state,
        changed_s=now_s,
        level=level,
        why="network" if line_short else _whose(seen),
        short_since_s=None,
        calm_since_s=None,
        calm_s=min(2 * state.calm_s, LONGEST_CALM_S) if failed else state.calm_s,
        raised_s=None,
    )


def _whose(seen: Observation) -> Shortage:
    """Return whether it is other calls or other programs that leave too little processor time."""
    if seen.calls > 1 and (seen.own_cores or 0.0) >= (seen.other_cores or 0.0):
        return "calls"
    return "cpu"

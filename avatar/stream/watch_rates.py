"""Which of the bit rates that a call is encoded at a watcher is sent: a pure function of reports and the clock.

A picture is encoded once for each rate that anybody is sent, so there are two. Down at once; up again only by trying,
since a receiver's estimate hardly exceeds what it is sent (draft-alvestrand-rmcat-remb-03 is made for that), and after
each try that failed later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

WatchRate: TypeAlias = Literal["high", "low"]

BITRATES: Final[dict[WatchRate, int]] = {"high": 1_500_000, "low": 400_000}
"""Bits a second: a talking head of 512 x 512 in full, and as a call at its simplest has it (`quality_ladder`)."""
TOO_LITTLE: Final = 0.8
"""A receiver whose estimate is below this share of the rate it is sent gets the lower one."""
ENOUGH: Final = 1.25
"""One whose estimate is this much above what it is sent may be sent more."""
LOSS_HIGH: Final = 0.10
"""Above this share of lost packets the rate falls (draft-ietf-rmcat-gcc-02, section 6)."""
LOSS_LOW: Final = 0.02
FIRST_TRY_S: Final = 10.0
"""How long the lower rate is sent before the higher one is tried."""
LONGEST_TRY_S: Final = 160.0
SETTLE_S: Final = 4.0
"""How long a receiver's estimate is still that of the lower rate it was sent before."""
PROVEN_S: Final = 20.0
"""A higher rate that has been sent for so long without trouble was no failed try."""
ESTIMATE_LIFE_S: Final = 10.0
"""An estimate that has not been renewed for this long says nothing."""


@dataclass(frozen=True, slots=True)
class WatchRateState:
    """What the rule remembers; times on any one monotonic clock."""

    since_s: float
    """When this rate was begun with."""
    rate: WatchRate = "high"
    wait_s: float = FIRST_TRY_S
    """How long the lower rate is kept before the next try."""
    estimate_bps: float | None = None
    estimate_s: float = 0.0


def next_watch_rate(
    state: WatchRateState, now_s: float, *, estimate_bps: float | None = None, fraction_lost: float | None = None
) -> WatchRateState:
    """Return the state after a report (or after time alone).

    `estimate_bps` is the receiver's estimate of what it can take (REMB), `fraction_lost` the share of packets lost
    since its last report, 0 to 1; None where there is no news.
    """
    if estimate_bps is not None:
        state = replace(state, estimate_bps=estimate_bps, estimate_s=now_s)
    elif state.estimate_bps is not None and now_s - state.estimate_s > ESTIMATE_LIFE_S:
        state = replace(state, estimate_bps=None)
    lost = fraction_lost or 0.0
    if state.rate == "high":
        if now_s - state.since_s > PROVEN_S and state.wait_s > FIRST_TRY_S:
            state = replace(state, wait_s=FIRST_TRY_S)
        settled = state.wait_s == FIRST_TRY_S or now_s - state.since_s > SETTLE_S
        too_little = estimate_bps is not None and estimate_bps < TOO_LITTLE * BITRATES["high"]
        if lost > LOSS_HIGH or (too_little and settled):
            return replace(state, rate="low", since_s=now_s)
        return state
    if lost > LOSS_LOW:
        return replace(state, since_s=now_s)
    room = state.estimate_bps is None or state.estimate_bps >= ENOUGH * BITRATES["low"]
    if room and now_s - state.since_s >= state.wait_s:
        return replace(
            state, rate="high", since_s=now_s, estimate_bps=None, wait_s=min(2 * state.wait_s, LONGEST_TRY_S)
        )
    return state

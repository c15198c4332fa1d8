"""How many bits a second the picture may take: a pure function of what the receiver reports and of the clock.

Down at once, up slowly: a rate above what the path carries shows as latency and loss within a frame or two, one below
it only as a slightly softer picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

GROWTH_PER_S: Final = 0.08
"""Largest relative rise in one second; the figure of Google's congestion control (draft-ietf-rmcat-gcc-02, 5.5)."""
LOSS_HIGH: Final = 0.10
"""Above this share of lost packets the rate falls (draft-ietf-rmcat-gcc-02, section 6)."""
LOSS_LOW: Final = 0.02
"""Below this share the rate may rise."""
QUICK_GROWTH_PER_S: Final = 0.25
QUIET_S: Final = 3.0
"""After so long without a fall or noticeable loss the rate rises quickly: a line that was narrow for a moment is often
as wide as before."""
HOLD_S: Final = 1.0
"""No rise for this long after a fall or noticeable loss."""
UNTRIED_SHARE: Final = 1.3
"""An estimate of so many times what is sent was not measured: receivers tell half as much again as comes, at most."""
TRIAL_SHARE: Final = 3.0
"""The target may then be so many times what is sent, or pictures that need little would keep it down for ever."""
CARRIED_SHARE: Final = 0.85
"""Of what a line carries that has become narrow: what waits in its queue has to leave too."""
SHARP_FALL: Final = 0.5
"""A rate that falls to less than so much at once tells of a line that has become narrow, and whose queue is full."""
ESTIMATE_LIFE_S: Final = 10.0
"""An estimate the receiver has not renewed for this long no longer holds the rate down."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Bounds of the target, bits per second."""

    min_bps: int
    max_bps: int


@dataclass(frozen=True, slots=True)
class RateState:
    """What the rule remembers; times on any one monotonic clock."""

    target_bps: float
    updated_s: float
    estimate_bps: float | None = None
    estimate_s: float = 0.0
    hold_until_s: float = 0.0


def next_rate(
    state: RateState,
    now_s: float,
    limits: RateLimits,
    *,
    estimate_bps: float | None = None,
    fraction_lost: float | None = None,
    sent_bps: float | None = None,
    carried_bps: float | None = None,
) -> RateState:
    """Return the state after a report (or after time alone).

    `estimate_bps` is the receiver's estimate of what it can take (REMB), `fraction_lost` the share of packets lost
    since its last report (RTCP receiver report, 0..1), `sent_bps` what was sent lately, `carried_bps` what
    came through while most packets were lost; None where there is no news.
    """
    target = state.target_bps
    hold_until_s = state.hold_until_s
    estimate, estimate_s = state.estimate_bps, state.estimate_s
    if estimate_bps is not None:
        estimate, estimate_s = estimate_bps, now_s
    elif estimate is not None and now_s - estimate_s > ESTIMATE_LIFE_S:
        estimate = None

    if fraction_lost is not None and fraction_lost > LOSS_HIGH:
        target *= 1.0 - 0.5 * fraction_lost
        hold_until_s = now_s + HOLD_S
    elif fraction_lost is not None and fraction_lost > LOSS_LOW:
        hold_until_s = now_s + HOLD_S
    elif now_s >= hold_until_s:
        growth = QUICK_GROWTH_PER_S if now_s >= hold_until_s + QUIET_S else GROWTH_PER_S
        target *= (1.0 + growth) ** max(0.0, min(now_s - state.updated_s, 1.0))

    if carried_bps is not None:
        target = min(target, CARRIED_SHARE * carried_bps)
        hold_until_s = now_s + HOLD_S
    limit = _limit_bps(estimate, sent_bps)
    if limit is not None and limit < target:
        if limit < state.target_bps:
            hold_until_s = now_s + HOLD_S
        target = limit
    target = min(max(target, limits.min_bps), limits.max_bps)
    return replace(
        state,
        target_bps=target,
        updated_s=now_s,
        estimate_bps=estimate,
        estimate_s=estimate_s,
        hold_until_s=hold_until_s,
    )


def is_sharp_fall(before: RateState, after: RateState, sent_bps: float) -> bool:
    """Return whether so much more was sent than the line carries that its queue has to be let get shorter."""
    return after.target_bps < SHARP_FALL * min(before.target_bps, sent_bps)


def _limit_bps(estimate_bps: float | None, sent_bps: float | None) -> float | None:
    """Return what the receiver's estimate limits the target to; None: to nothing."""
    if estimate_bps is None or sent_bps is None or estimate_bps < UNTRIED_SHARE * sent_bps:
        return estimate_bps
    return max(estimate_bps, TRIAL_SHARE * sent_bps)


FULL_SOUND_BPS: Final = 96_000
PLAIN_SOUND_BPS: Final = 32_000
"""Of Opus: speech is well understood from 24 kbit/s on (RFC 7587, 3.1.1, names 28 to 40 for full band)."""
SOUND_DOWN_BPS, SOUND_UP_BPS = 400_000, 600_000
"""Bit rates of the picture below which sound takes less, and above which it takes more again."""


def sound_rate(present_bps: int, picture_bps: float) -> int:
    """Return how many bits a second the sound may take beside such a picture."""
    if picture_bps < SOUND_DOWN_BPS:
        return PLAIN_SOUND_BPS
    return FULL_SOUND_BPS if picture_bps > SOUND_UP_BPS else present_bps

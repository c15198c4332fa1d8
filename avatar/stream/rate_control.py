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
HOLD_S: Final = 1.0
"""No rise for this long after a fall or noticeable loss."""
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
) -> RateState:
    """Return the state after a report (or after time alone).

    `estimate_bps` is the receiver's estimate of what it can take (REMB), `fraction_lost` the share of packets lost
    since its last report (RTCP receiver report, 0..1); None where there is no news.
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
        target *= (1.0 + GROWTH_PER_S) ** max(0.0, min(now_s - state.updated_s, 1.0))

    if estimate is not None and estimate < target:
        if estimate < state.target_bps:
            hold_until_s = now_s + HOLD_S
        target = estimate
    target = min(max(target, limits.min_bps), limits.max_bps)
    return replace(
        state,
        target_bps=target,
        updated_s=now_s,
        estimate_bps=estimate,
        estimate_s=estimate_s,
        hold_until_s=hold_until_s,
    )

"""What a disturbed line did to a call: freezes, and how soon all is as before. Pure functions of arrival times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

LATENCY_SHARE, LATENCY_MORE_S = 1.2, 0.01
"""Latency is back at so many times, and so much more than, what it was before."""
BITRATE_SHARE = 0.8
"""And the bit rate at this share of what it was."""
WINDOW_S = 0.5
"""Medians of so long are compared: single late pictures, as every call has, do not count."""
CALM_S = 2.0
"""Latency is back when it stays so for so long."""


def longest_gap_s(times_s: Sequence[float], begin_s: float, end_s: float) -> float:
    """Return the longest time without a picture (or sound) that overlaps a stretch; `times_s` in order."""
    first = max(bisect_left(times_s, begin_s) - 1, 0)
    last = bisect_right(times_s, end_s) + 1
    around = times_s[first:last]
    return float(np.diff(around).max()) if len(around) > 1 else float("inf")


def share_missing(times_s: Sequence[float], begin_s: float, end_s: float, period_s: float) -> float:
    """Return what share of the pictures (or sounds) that are due every `period_s` has not come in a stretch."""
    come = bisect_right(times_s, end_s) - bisect_left(times_s, begin_s)
    return max(0.0, 1.0 - come * period_s / (end_s - begin_s))


def latency_back_s(latencies: Sequence[tuple[float, float]], begin_s: float, end_s: float) -> float:
    """Return how long after `end_s` latency is back, and stays, at what it was before `begin_s`; NaN: never.

    `latencies` are (time of arrival, seconds), in order.
    """
    limit_s = LATENCY_SHARE * _median(latencies, -np.inf, begin_s) + LATENCY_MORE_S
    step_s = WINDOW_S / 5
    begins = np.arange(end_s, latencies[-1][0] - WINDOW_S, step_s)
    calm = [_median(latencies, at_s, at_s + WINDOW_S) <= limit_s for at_s in begins]
    needed = round((CALM_S - WINDOW_S) / step_s)
    return next(
        (float(begins[first] - end_s) for first in range(len(calm) - needed) if all(calm[first : first + needed + 1])),
        float("nan"),
    )


def bitrate_back_s(rates: Sequence[tuple[float, float]], begin_s: float, end_s: float) -> float:
    """Return how long after `end_s` the bit rate is first what it was before `begin_s` (a share); NaN: never.

    `rates` are (time, bits a second), in order.
    """
    limit = BITRATE_SHARE * _median(rates, -np.inf, begin_s)
    return next((at_s - end_s for at_s, rate in rates if at_s >= end_s and rate >= limit), float("nan"))


def rates_bps(sizes: Sequence[tuple[float, int]], begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """Return (end of the second, bits) of each whole second between two times; `sizes` are (time, bytes)."""
    seconds = int(end_s - begin_s)
    sums = [0.0] * seconds
    for at_s, size in sizes:
        if 0 <= (second := int(at_s - begin_s) if at_s >= begin_s else -1) < seconds:
            sums[second] += 8.0 * size
    return [(begin_s + second + 1, bits) for second, bits in enumerate(sums)]


def _median(pairs: Sequence[tuple[float, float]], begin_s: float, end_s: float) -> float:
    values = [value for at_s, value in pairs if begin_s <= at_s < end_s]
    return float(np.median(values)) if values else float("nan")

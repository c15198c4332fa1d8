"""How many replicas there are to be: by running calls, not by HTTP requests. Pure; Ray Serve asks, waits and acts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

TARGET: Final = 0.75
"""Share of the places that are taken when there are enough: the rest is for who calls while a replica starts."""


def replicas_wanted(calls: float, places_each: float, *, least: int, most: int) -> int:
    """Return how many replicas hold `calls` at `TARGET`, where each has `places_each`.

    Those that drain are not counted, nor are their calls: they end by themselves.
    """
    wanted = math.ceil(calls / max(places_each * TARGET, 1e-6) - 1e-9)
    return min(max(wanted, least), most)


def scale_on_calls(context: Any) -> tuple[int, dict[str, Any]]:
    """Ray Serve's autoscaling policy; `context` is its `AutoscalingContext`, with what replicas record."""
    metrics: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
    running = set(context.running_replicas)
    calls = [value for replica, value in metrics.get("calls", {}).items() if replica in running]
    places = [value for replica, value in metrics.get("places", {}).items() if replica in running]
    if not places:  # nobody has told yet
        return context.target_num_replicas, {}
    wanted = replicas_wanted(
        sum(calls),
        sum(places) / len(places),
        least=context.capacity_adjusted_min_replicas,
        most=context.capacity_adjusted_max_replicas,
    )
    return wanted, {}

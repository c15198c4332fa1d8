"""How often somebody may ask for what costs: a token bucket for each, the clock handed in.

A bucket holds as much as a minute brings and is refilled steadily, so a pause earns a burst of that much, and no more.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from avatar.config import LimitSettings
from avatar.errors import TooManyRequestsError

Costly: TypeAlias = Literal["offers", "uploads", "rooms"]

MOST_BUCKETS: Final = 10_000
"""Kept; the one unused for longest goes first, full as it then is anyway."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


@dataclass(slots=True)
class RateLimits:
    """Who has asked how often. For one thread."""

    per_minute: Mapping[Costly, int]
    _buckets: OrderedDict[tuple[Costly, str], _Bucket] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, limits: LimitSettings) -> RateLimits:
        """Return the limits that the settings say."""
        return cls(
            {"offers": limits.offers_per_minute, "uploads": limits.uploads_per_minute, "rooms": limits.rooms_per_minute}
        )

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._buckets)

    def take(self, what: Costly, who: str, now_s: float) -> None:
        """Count one more of `what` for `who`. Raises TooManyRequestsError, which says when there will be room again."""
        most = self.per_minute[what]
        per_s = most / 60
        bucket = self._buckets.pop((what, who), None) or _Bucket(float(most), now_s)
        left = min(float(most), bucket.left + per_s * max(now_s - bucket.at_s, 0.0))
        allowed = left >= 1.0
        self._buckets[what, who] = _Bucket(left - allowed, now_s)
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooManyRequestsError(
                f"More than {most} {what} a minute have come from you. Try again in a moment.",
                retry_after_s=math.ceil((1.0 - left) / per_s),
            )

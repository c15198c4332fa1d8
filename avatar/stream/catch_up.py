"""Sound that has fallen behind: how much of it is given up. A pure function of what waits and of the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LATE_S: Final = 0.125
"""Sound this much later than its picture is noticed (ITU-R BT.1359-1, threshold of detectability)."""
CAUGHT_UP_S: Final = 0.04
"""Once sound is given up, so much that this long a lateness is left: one more stumble is not to cost sound again."""


def blocks_given_up(due_s: Sequence[float], now_s: float) -> int:
    """Return how many of the blocks that wait are given up, from the oldest: none while it is hardly late.

    `due_s` is when each is due to leave, rising, on the clock of `now_s`. A block is kept where nothing else is left.
    """
    if not due_s or now_s - due_s[0] <= LATE_S:
        return 0
    late = sum(now_s - due > CAUGHT_UP_S for due in due_s)
    return min(late, len(due_s) - 1)

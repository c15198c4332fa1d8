"""Moments on their way to being shown: kept for a while, then taken in order, each once."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayLine(Generic[T]):
    """Holds at most `most` moments; the oldest go when more come. For one thread."""

    def __init__(self, most: int) -> None:
        self._waiting: deque[tuple[float, T]] = deque(maxlen=most)

    def put(self, time_s: float, moment: T) -> None:
        """Add the moment of a time, not before the last one's."""
        self._waiting.append((time_s, moment))

    def take(self, until_s: float) -> T | None:
        """Return the newest moment up to a time and forget those before it; None when none is due."""
        newest: T | None = None
        while self._waiting and self._waiting[0][0] <= until_s:
            newest = self._waiting.popleft()[1]
        return newest

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()

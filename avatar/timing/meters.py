"""What the stages measure about themselves: bounded windows, safe from any thread."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

WINDOW: Final = 60
"""Samples kept of each quantity: two seconds of pictures."""
RATE_WINDOW_S: Final = 2.0


class StageMeter:
    """Recent durations and rates by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self._ticks: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=4 * WINDOW))

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Measure how long the body takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add one duration."""
        with self._lock:
            self._samples[name].append(seconds)

    def forget_durations(self) -> None:
        """Forget all durations: what is measured takes another time from now on."""
        with self._lock:
            self._samples.clear()

    def tick(self, name: str, now_s: float) -> None:
        """Count one event at `now_s`."""
        with self._lock:
            self._ticks[name].append(now_s)

    def median_s(self, name: str, last: int = WINDOW) -> float:
        """Return the median of the last so many durations in seconds, 0 before the first."""
        with self._lock:
            samples = list(self._samples[name])[-last:]
        return median(samples) if samples else 0.0

    def medians_ms(self, names: Iterable[str]) -> dict[str, float]:
        """Return the median milliseconds of those `names` that were measured."""
        return {name: round(1e3 * self.median_s(name), 2) for name in names if self._samples.get(name)}

    def rate(self, name: str, now_s: float) -> float:
        """Return events a second over the last `RATE_WINDOW_S`."""
        with self._lock:
            recent = [tick for tick in self._ticks[name] if now_s - tick <= RATE_WINDOW_S]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)

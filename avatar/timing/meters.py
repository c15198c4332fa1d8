"""What the stages measure about themselves: bounded windows, safe from any thread."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

import av
import numpy as np

WINDOW: Final = 60
"""Samples kept of each quantity: two seconds of pictures."""
RATE_WINDOW_S: Final = 2.0
SILENCE_DB: Final = -120.0


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

    def tick(self, name: str, now_s: float) -> None:
        """Count one event at `now_s`."""
        with self._lock:
            self._ticks[name].append(now_s)

    def median_s(self, name: str) -> float:
        """Return the median duration in seconds, 0 before the first."""
        with self._lock:
            samples = list(self._samples[name])
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


class SoundMeter:
    """The microphone's level."""

    HOLD_S: Final = 0.5
    """A level older than this no longer counts."""

    def __init__(self) -> None:
        self._newest: av.AudioFrame | None = None
        self._at_s = float("-inf")

    def observe(self, frame: av.AudioFrame, now_s: float) -> None:
        """Take one decoded frame, 16-bit or float samples, any layout; costs nothing until the level is asked for."""
        self._newest, self._at_s = frame, now_s

    def level_db(self, now_s: float) -> float:
        """Return the newest level in dB below full scale, `SILENCE_DB` when nothing has come lately."""
        if self._newest is None or now_s - self._at_s > self.HOLD_S:
            return SILENCE_DB
        samples = self._newest.to_ndarray()
        scale = 32768.0 if samples.dtype == np.int16 else 1.0
        # A broken encoder may send samples that are no numbers or far beyond full scale.
        loud = np.clip(np.nan_to_num(samples.astype(np.float32) / scale), -1, 1)
        power = float(np.mean(np.square(loud))) if samples.size else 0.0
        return float(max(SILENCE_DB, 10 * np.log10(max(power, 1e-12))))

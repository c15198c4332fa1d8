"""How many threads of this process work on pictures at the same time: no more than get on.

A call has threads that follow the face, draw and encode. All of them take turns at one interpreter, which each call
into OpenCV gives away and asks for again, however short it is. Where a dozen ask, most of the time goes into handing it
over: the threads of four calls gave way 8,000 times a second, and a picture was up to eight times as long in a stage as
with two. Decoding is left out: it asks for the interpreter once a picture, and only loses by waiting.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from avatar.timing.machine_load import usable_cores

LEAST: Final = 3
MOST: Final = 4
"""For one or two cores, and for any number. A call's own three threads never wait for each other, so a call that is
alone is as it was: on one core it came later with one (p95 112 to 119 ms for 44 to 74). Two calls on two cores came
later with two (p95 120 ms; 51 with three, 49 with no limit), four calls far later with no limit (490 ms; 120 with
three; `benchmarks.capacity`). Machines with more cores were not measured: a call holds the interpreter for 0.18 of the
time and works on up to 0.8 cores, so five that fill it would have four threads at work."""


class ConcurrencyLimit:
    """Lets so many threads work at once; the others wait, first come, first served. For any thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._free = most
        self._waiting: deque[threading.Lock] = deque()
        self._own = threading.local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work, once it is this thread's turn; at once where it is already at work."""
        if self._works:
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let another thread work while this one waits for something, if it is at work."""
        if not self._works:
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take()

    @property
    def _works(self) -> bool:
        return getattr(self._own, "works", False)

    def _take(self) -> None:
        with self._lock:
            turn = threading.Lock() if not self._free else None
            if turn is None:
                self._free -= 1
            else:
                turn.acquire()
                self._waiting.append(turn)
        if turn is not None:
            turn.acquire()  # whoever gives way next releases it
        self._own.works = True

    def _give(self) -> None:
        self._own.works = False
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


@cache
def picture_work() -> ConcurrencyLimit:
    """Return the limit for this process's work on pictures."""
    return ConcurrencyLimit(LEAST if len(usable_cores()) <= 2 else MOST)

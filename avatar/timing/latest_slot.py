"""A queue of one: the newest item wins, so latency cannot build up."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestSlot(Generic[Item]):
    """Hands the newest item from any thread to one taker; what was not taken in time is dropped and counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """Of what follows."""
        self._item: Item | None = None
        self._closed = False
        self.dropped = 0
        """Items that a newer one replaced before they were taken."""
        # Free while there is something to take, or nothing will come any more. A `Condition` is written in Python and
        # makes a lock each time somebody waits: three times the work.
        self._there = threading.Lock()
        self._there.acquire()

    def put(self, item: Item) -> None:
        """Offer an item; never blocks. Ignored once closed."""
        with self._lock:
            if self._closed:
                return
            waits = self._item is not None
            self.dropped += waits
            self._item = item
            if not waits:
                self._there.release()

    def take(self, timeout_s: float | None = None) -> Item | None:
        """Return the newest item; None after `timeout_s` without one, or once closed."""
        if not self._there.acquire(timeout=-1 if timeout_s is None else max(timeout_s, 0.0)):
            return None
        with self._lock:
            if self._closed:
                self._there.release()
            item, self._item = self._item, None
            return item

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    def close(self) -> None:
        """Wake the taker for good; what waits is dropped."""
        with self._lock:
            if not self._closed and self._item is None:
                self._there.release()
            self._closed = True
            self._item = None

"""A queue of one: the newest item wins, so latency cannot build up."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestSlot(Generic[Item]):
    """Hands the newest item from any thread to one taker; what was not taken in time is dropped and counted."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False
        self.dropped = 0
        """Items that a newer one replaced before they were taken."""

    def put(self, item: Item) -> None:
        """Offer an item; never blocks. Ignored once closed."""
        with self._condition:
            if self._closed:
                return
            self.dropped += self._item is not None
            self._item = item
            self._condition.notify()

    def take(self, timeout_s: float | None = None) -> Item | None:
        """Return the newest item; None after `timeout_s` without one, or once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return item

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    def close(self) -> None:
        """Wake the taker for good; what waits is dropped."""
        with self._condition:
            self._closed = True
            self._item = None
            self._condition.notify_all()

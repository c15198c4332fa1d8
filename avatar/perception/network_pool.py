"""Copies of the landmark networks, which all who follow faces in a process borrow, a frame at a time.

A copy that OpenVINO runs with one stream works in the thread that asks: no other is woken, which costs a tenth of the
time, and what that thread's core has at hand stays at hand. Two threads cannot use one copy at once, so there are some.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

LANDMARKERS_A_CALL: Final = 2
"""One follows the face, one searches; they take turns."""

_Network = TypeVar("_Network")


class NetworkPool(Generic[_Network]):
    """Used in any thread."""

    def __init__(self, open_copy: Callable[[], _Network], most: int) -> None:
        """Keep at most so many copies, made by `open_copy` when they are needed."""
        self._open_copy, self._most = open_copy, most
        self._changed = threading.Condition()
        self._free: list[_Network] = []
        self._count = self._joined = 0

    def join(self) -> None:
        """Prepare for one more that borrows; blocks while a copy is made. Raises what making one raises."""
        with self._changed:
            while self._count < min(self._most, self._joined // LANDMARKERS_A_CALL + 1):
                self._free.append(self._open_copy())
                self._count += 1
            self._joined += 1

    def leave(self) -> None:
        """Note that one borrows no more. Copies stay for those who come."""
        with self._changed:
            self._joined -= 1

    @contextmanager
    def borrow(self) -> Iterator[_Network]:
        """Have a copy alone; waits while all are borrowed."""
        with self._changed:
            while not self._free:
                self._changed.wait()
            network = self._free.pop()  # the one used last, whose numbers the caches may still hold
        try:
            yield network
        finally:
            with self._changed:
                self._free.append(network)
                self._changed.notify()

"""A queue that serves visitors by turns, and places for a bounded number: nobody keeps the others waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from avatar.errors import ServerFullError


class FairQueue:
    """Lets work through one piece at a time, visitors by turns, each visitor's in the order it came.

    For the event loop's thread only.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._busy = False

    def __len__(self) -> int:
        """Return how many pieces of work are in the queue, the one in work too."""
        return self._busy + sum(len(own) for own in self._waiting.values())

    async def turn(self, visitor: str) -> None:
        """Wait for a turn. Whoever got one calls `done`; who is cancelled while waiting has left the queue."""
        if not self._busy:
            self._busy = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(visitor, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the turn in the same moment
                self.done()
            raise

    def done(self) -> None:
        """End a turn: the next one is of the visitor who has waited longest since their last."""
        while self._waiting:
            visitor, own = self._waiting.popitem(last=False)
            turn = own.popleft()
            if own:
                self._waiting[visitor] = own  # behind the other visitors
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._busy = False


class Places:
    """How much of something may be under way at once, in all and for one visitor."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken_by(self, visitor: str) -> Iterator[None]:
        """Hold a place. Raises ServerFullError where all are taken, or this visitor has their share."""
        if self._taken[visitor] >= self._most_each or self._taken.total() >= self._most:
            raise ServerFullError("Many photos are being sent just now. Try again soon.", retry_after_s=5)
        self._taken[visitor] += 1
        try:
            yield
        finally:
            self._taken[visitor] -= 1
            if not self._taken[visitor]:
                del self._taken[visitor]

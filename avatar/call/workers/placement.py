"""Which process a call is held in: a pure function of what they hold, and of when one may be started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from avatar.timing.backoff import wait_before_retry_s

PROVEN_S: Final = 60.0
"""A worker that has run for so long was well: its end is not counted with those before."""

Place: TypeAlias = int | Literal["server", "new"]
"""The number of a worker, the server's own process, or a worker that is yet to be started."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often workers have ended that should not have."""

    in_a_row: int = 0
    last_s: float = 0.0

    def with_one(self, ran_s: float, now_s: float) -> Failures:
        """Return them with one more, of a worker that ran for so long."""
        return Failures(1 if ran_s >= PROVEN_S else self.in_a_row + 1, now_s)

    def wait_s(self, now_s: float) -> float:
        """Return how long from now no worker should be started."""
        if not self.in_a_row:
            return 0.0
        return max(self.last_s + wait_before_retry_s(self.in_a_row) - now_s, 0.0)


def choose_place(server: float, workers: Mapping[int, float], *, may_start: bool) -> Place:
    """Return where one more call goes.

    The server's own process comes first: it is there anyway, and so a server with one call needs no other. Then each
    call has a process of its own as long as there may be more.

    Args:
        server: the weight of the calls in the server's own process, where one that a camera drives is 1.
        workers: of those in each worker that runs.
        may_start: whether one more worker may be started.
    """
    if not server:
        return "server"
    least = min(workers, key=workers.__getitem__, default=None)
    if least is not None and not workers[least]:
        return least
    if may_start:
        return "new"
    return "server" if least is None or server <= workers[least] else least

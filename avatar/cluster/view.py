"""What a gateway knows of the replicas: the last table it was told, and what it has seen itself since. Plain rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from avatar.cluster.replicas import Replica

LOST_S: Final = 10.0
"""A replica that refused a connection is left alone for so long, whatever the table says: the table learns it later."""


@dataclass(slots=True)
class ClusterView:
    """For one gateway. Not for several threads."""

    told: bool = False
    """There has been a table."""
    _replicas: tuple[Replica, ...] = ()
    _placed: Counter[str] = field(default_factory=Counter)
    """Calls that were sent to each replica since the table."""
    _lost: dict[str, float] = field(default_factory=dict)
    """Until when each replica is left alone, by its name."""

    def update(self, replicas: Iterable[Replica], now_s: float) -> None:
        """Take a new table."""
        self.told, self._replicas = True, tuple(replicas)
        self._placed.clear()
        self._lost = {name: until_s for name, until_s in self._lost.items() if until_s > now_s}

    def replicas(self, now_s: float) -> list[Replica]:
        """Return who is there, with the calls that are on their way to them."""
        return [
            replace(replica, calls=replica.calls + self._placed[replica.name])
            for replica in self._replicas
            if self._lost.get(replica.name, now_s) <= now_s
        ]

    def placed(self, replica: Replica) -> None:
        """Note that a replica was sent a call."""
        self._placed[replica.name] += 1

    def lost(self, replica: Replica, now_s: float) -> None:
        """Note that a replica is not there any more."""
        self._lost[replica.name] = now_s + LOST_S

"""The replicas of a cluster as everybody sees them: who there is, where, and with how many calls. Plain rules.

Each replica tells of itself twice a second. One that has said nothing for `SILENT_S` is taken for dead. Nothing of this
is kept anywhere else: a table that begins anew is whole again after one round of telling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

TELL_S: Final = 0.5
"""How often a replica tells how it does, and gateways ask."""
SILENT_S: Final = 5.0
NAME_LETTERS: Final = 8
NAME: Final = re.compile(rf"[a-z0-9]{{{NAME_LETTERS}}}")
"""Of a replica, as Ray Serve names them."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One server process."""

    name: str
    """Begins the id of each of its calls."""
    url: str
    """Where gateways reach it: http://address:port."""
    calls: int = 0
    places: int = 1
    """Calls that it can hold, as set or as measured."""
    draining: bool = False
    """It ends when its calls have, and takes no new ones."""
    rooms: frozenset[str] = frozenset()
    """Ids of the rooms that it holds."""
    watch: frozenset[str] = frozenset()
    """Tokens of watch links that callers have chosen themselves."""

    @property
    def load(self) -> float:
        """Share of its places that are taken; 1 is full."""
        return self.calls / max(self.places, 1)


@dataclass(slots=True)
class ReplicaTable:
    """Who has told of themselves, and when."""

    _told: dict[str, tuple[Replica, float]] = field(default_factory=dict)

    def tell(self, replica: Replica, now_s: float) -> None:
        """Take what a replica says of itself."""
        self._told[replica.name] = (replica, now_s)

    def leave(self, name: str) -> None:
        """Forget a replica that has ended. May be said again."""
        self._told.pop(name, None)

    def alive(self, now_s: float) -> list[Replica]:
        """Return who is there, in the order of their names; forget who has been silent for too long."""
        self._told = {name: told for name, told in self._told.items() if now_s - told[1] <= SILENT_S}
        return [self._told[name][0] for name in sorted(self._told)]


def replica_of(name: str) -> str | None:
    """Return the replica that a call's id or a watch token begins with; None: it names none."""
    prefix = name[:NAME_LETTERS]
    return prefix if NAME.fullmatch(prefix) and len(name) > NAME_LETTERS else None


def total_calls(replicas: Iterable[Replica]) -> int:
    """Return how many calls all of them hold."""
    return sum(replica.calls for replica in replicas)

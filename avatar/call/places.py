"""The places for calls of a server: who may begin one, by the settings and by what is measured of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from avatar.call.capacity import Capacity, Standing
from avatar.errors import ServerFullError

LOOK_EVERY_S: Final = 1.0
"""How often it is looked at what the calls cost."""


@dataclass(frozen=True, slots=True)
class Company:
    """Who waits for whom in a server's rooms, as a call is to begin: nobody wants to be in one alone."""

    awaited: int = 0
    """How many second people are expected beside this call, one for each who is alone in a room: their places are kept
    for them."""
    joins_one: bool = False
    """This call is the second in its room."""


def company(room: str | None, people: Mapping[str, int]) -> Company:
    """Return who waits for whom as a call comes into `room`, of the number of `people` in each; None: into no room."""
    alone = {one for one, count in people.items() if count == 1}
    if room in alone:
        return Company(len(alone) - 1, joins_one=True)
    return Company(len(alone) + (room is not None and room not in people))


class Places:
    """Gives a server's places out, or says why there is none. Used on the event loop only."""

    def __init__(
        self,
        capacity: Capacity,
        most: int,
        running: Callable[[], Sequence[Standing]],
        *,
        overbook: bool = False,
        on_look: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with every place free.

        Args:
            capacity: what the machine has room for.
            most: how many calls there may be at all.
            running: returns how each call does that runs, those on their way left out.
            overbook: take calls that the machine has no room for.
            on_look: is told when it was looked at what the calls cost.
        """
        self._capacity, self._most, self._running, self._on_look = capacity, most, running, on_look
        self._overbook = overbook
        self.refused = 0
        """How many calls have been turned away, those left out that came while the server was stopping."""
        self._opening: dict[object, Standing] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def opening(self) -> int:
        """How many calls are on their way."""
        return len(self._opening)

    def limit(self, *, adapting: bool) -> int:
        """Return how many calls there may be, where the quality of each follows the machine or stays as it is."""
        measured = self._capacity.most(adapting=adapting)
        return self._most if measured is None or self._overbook else min(self._most, measured)

    def take(self, opening: Standing, *, exhausted: bool, company: Company = Company()) -> Callable[[], object]:
        """Let a call begin; those that run are asked to make room for it.

        `exhausted`: a call that runs comes late though it is as simple as can be. Who joins somebody who is alone in a
        room has been waited for and is let in, unless calls outside that room are so short. Returns what is called once
        the call runs, or never will, and may be called again. Raises ServerFullError.
        """
        if self._closed:
            raise ServerFullError("The server is stopping. Try again in a moment.", retry_after_s=30)
        standings = self._standings
        self._capacity.look(standings)
        if len(standings) >= self._most:
            self._refuse(f"All {self._most} places on this server are taken. Try again in a moment.")
        if not self._overbook:
            self._check_time(standings, opening, company, exhausted=exhausted)
        place = object()
        self._opening[place] = opening
        self._capacity.look(self._standings)
        return lambda: self._opening.pop(place, None)

    def watch(self) -> None:
        """Learn from the calls what they cost, from now on and while there are any. Idempotent."""
        if self._looking is None and not self._closed:
            self._look_later()

    def close(self) -> None:
        """Let no call begin any more. Idempotent."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()

    @property
    def _standings(self) -> list[Standing]:
        return [*self._running(), *self._opening.values()]

    def _check_time(
        self, standings: Sequence[Standing], opening: Standing, company: Company, *, exhausted: bool
    ) -> None:
        if company.joins_one and len(standings) == 1:
            return
        if exhausted:
            self._refuse("The calls on this server leave no time for another. Try again in a moment.")
        if company.joins_one or self._capacity.has_room(standings, opening, company.awaited):
            return
        noun = "call" if len(standings) == 1 else "calls"
        kept = ""
        if company.awaited and self._capacity.has_room(standings, opening):
            kept = ", and the place that is left is kept for who is awaited in a room"
        self._refuse(
            f"This server's processor has no time for more than {len(standings)} {noun}, however simple their "
            f"pictures{kept}. Try again in a moment."
        )

    def _refuse(self, why: str) -> NoReturn:
        self.refused += 1
        raise ServerFullError(why)

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._looking = None
        if self._running():
            self._capacity.look(self._standings)
            self._on_look()
            self._look_later()

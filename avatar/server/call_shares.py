"""How many calls one visitor, or one token, holds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from avatar.errors import TooManyRequestsError

RETRY_AFTER_S: Final = 10


class CallShares:
    """Who holds which calls. For the event loop's thread only."""

    def __init__(self, is_running: Callable[[str], bool]) -> None:
        """`is_running` returns whether there is (still) a call of an id."""
        self._is_running = is_running
        self._held: dict[str, set[str]] = {}
        self._opening: dict[str, int] = {}

    def held_by(self, who: str) -> int:
        """Return how many calls somebody holds, those on their way too."""
        return len(self._held.get(who, ())) + self._opening.get(who, 0)

    @contextmanager
    def opening(self, most: Mapping[str, int]) -> Iterator[Callable[[str], None]]:
        """Take a share for a call that is being opened; `most` says how many calls each of its holders may have.

        Yields what is told the id of the call once it runs. Raises TooManyRequestsError (`too_many_calls`).
        """
        self._forget_ended()
        for who, share in most.items():
            if self.held_by(who) >= share:
                calls = "one call" if share == 1 else f"{share} calls"
                raise TooManyRequestsError(
                    f"You have {calls} on this server, and may have no more at once. End one, then try again.",
                    retry_after_s=RETRY_AFTER_S,
                    code="too_many_calls",
                )
        for who in most:
            self._opening[who] = self._opening.get(who, 0) + 1

        def runs(call_id: str) -> None:
            for who in most:
                self._held.setdefault(who, set()).add(call_id)

        try:
            yield runs
        finally:
            for who in most:
                self._opening[who] -= 1
                if not self._opening[who]:
                    del self._opening[who]

    def _forget_ended(self) -> None:
        running = {who: {call for call in calls if self._is_running(call)} for who, calls in self._held.items()}
        self._held = {who: calls for who, calls in running.items() if calls}

"""Who may hold a connection, and who makes room for others: plain rules, the clock handed in.

A connection is idle (no whole request head has come), receiving (a body is on its way) or working (the server has the
request). Idle ones make room first, the one idle for longest before all others; then the slowest sender. Work is never
cut off: who would need it is told to come back.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from avatar.server.visitors import visitor_at

ConnectionState: TypeAlias = Literal["idle", "receiving", "working"]
Key = TypeVar("Key", bound=Hashable)

OPEN_PER_REQUEST: Final = 2
"""Connections that may be open for each request that may run: browsers keep some for later."""
GRACE_S: Final = 2.0
"""So long a sender is left alone, however slow."""


@dataclass(frozen=True, slots=True)
class Admission:
    """How many requests may run at once."""

    requests: int
    requests_per_address: int


@dataclass(slots=True)
class _Held:
    group: str
    since_s: float
    state: ConnectionState = "idle"
    received: int = 0
    """Bytes of the body so far."""


@dataclass(slots=True)
class ConnectionTable(Generic[Key]):
    """The open connections. `enter` and `begin` name the ones that make room; who calls closes them, and then says
    `leave` for each connection that has ended."""

    admission: Admission
    _held: dict[Key, _Held] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def enter(self, key: Key, address: str, now_s: float) -> list[Key]:
        """Take a new connection in; return those that make room for it, itself where none can."""
        group = visitor_at(address)
        self._held[key] = _Held(group, now_s)
        leaving: list[Key] = []
        for most, only in ((self.admission.requests_per_address, group), (self.admission.requests, None)):
            others = {one: held for one, held in self._of(only).items() if one != key and one not in leaving}
            if len(others) >= most * OPEN_PER_REQUEST:
                first = _longest_idle(others)
                first = _slowest_sender(others, now_s) if first is None else first
                leaving.append(key if first is None else first)
        return leaving

    def begin(self, key: Key, now_s: float, *, receiving: bool) -> tuple[bool, Key | None]:
        """A whole request head has come; return whether the request may run, and who makes room for it."""
        one = self._held[key]
        one.state, one.since_s, one.received = "receiving" if receiving else "working", now_s, 0
        leaving = None
        for most, group in ((self.admission.requests_per_address, one.group), (self.admission.requests, None)):
            if sum(held.state != "idle" for held in self._of(group).values()) <= most:
                continue
            if leaving is None:
                leaving = _slowest_sender({one: held for one, held in self._of(group).items() if one != key}, now_s)
            if leaving is None:
                return False, None
        return True, leaving

    def receive(self, key: Key, count: int, *, more: bool) -> None:
        """So many bytes of a body have come, and `more` are to come."""
        one = self._held[key]
        one.received += count
        one.state = "receiving" if more else "working"

    def rest(self, key: Key, now_s: float) -> None:
        """The answer has been given: the connection is idle again."""
        one = self._held[key]
        one.state, one.since_s = "idle", now_s

    def leave(self, key: Key) -> None:
        """The connection has ended. May be said again."""
        self._held.pop(key, None)

    def _of(self, group: str | None) -> dict[Key, _Held]:
        return self._held if group is None else {key: one for key, one in self._held.items() if one.group == group}


def _longest_idle(held: Mapping[Key, _Held]) -> Key | None:
    idle = [key for key, one in held.items() if one.state == "idle"]
    return min(idle, key=lambda key: held[key].since_s) if idle else None


def _slowest_sender(held: Mapping[Key, _Held], now_s: float) -> Key | None:
    senders = [key for key, one in held.items() if one.state == "receiving" and now_s - one.since_s >= GRACE_S]
    return min(senders, key=lambda key: held[key].received / (now_s - held[key].since_s)) if senders else None

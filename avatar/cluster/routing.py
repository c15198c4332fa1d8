"""Which replica a request goes to: pure rules of its address and of the replicas that are there.

A call's id and the watch token that a server makes begin with the name of their replica. Rooms, and watch tokens that
callers have chosen, are looked for where somebody is; new ones go by rendezvous hashing (Thaler and Ravishankar, 1998):
whoever asks for the same one at the same time comes to the same replica, without anybody being asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avatar.cluster.replicas import Replica, replica_of

ASKED: Final = 3
"""Replicas that are asked one after the other for what might be anywhere, or might have room."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    candidates: tuple[Replica, ...]
    """In the order in which they are tried; none: there is nobody to ask."""
    begins_call: bool = False
    """It is an offer: one that is full is passed over, and it can be sent again."""
    may_be_elsewhere: bool = False
    """Of "there is none" the next is asked, too."""
    lost: bool = False
    """It is about a call whose replica is not there any more."""


def route(method: str, path: str, query: Mapping[str, str], replicas: Sequence[Replica], *, visitor: str = "") -> Route:
    """Return where a request goes.

    Args:
        method: of HTTP.
        path: such as /whip/ID.
        query: its parameters.
        replicas: those that are there.
        visitor: whom it is from, so that all their uploads come to one replica, where they take turns.
    """
    open_ones = [replica for replica in replicas if not replica.draining]
    match path.strip("/").split("/"):
        case ["whip"] if method == "POST":
            return _offer(query, replicas, open_ones)
        case ["whip", name, *_] | ["api", "calls", name, *_]:
            return _held(replica_of(name), replicas)
        case ["whep", token, *_]:
            return _watching(token, replicas)
        case ["api", "rooms", room, *_]:
            return Route(_first_with(replicas, room, open_ones))
        case _:
            return Route(tuple(ranked(visitor or path, open_ones or replicas)[:ASKED]))


def ranked(key: str, replicas: Sequence[Replica]) -> list[Replica]:
    """Return the replicas in the order that belongs to a key: the same for everybody, whoever else comes or goes."""
    return sorted(replicas, key=lambda replica: hashlib.blake2b(f"{replica.name} {key}".encode()).digest())


def emptiest(replicas: Sequence[Replica]) -> list[Replica]:
    """Return the replicas, those with the smallest load first, among equals those with the fewest calls."""
    return sorted(replicas, key=lambda replica: (replica.load, replica.calls, replica.name))


def _offer(query: Mapping[str, str], replicas: Sequence[Replica], open_ones: Sequence[Replica]) -> Route:
    room, watch = query.get("room"), query.get("watch")
    if room:
        return Route(_first_with(replicas, room, open_ones), begins_call=True)
    if watch:
        holder = [replica for replica in replicas if watch in replica.watch]
        if holder:  # who would take it twice is told so by the one that knows
            return Route(tuple(holder[:1]), begins_call=True)
        return Route(tuple(ranked(watch, open_ones)[:ASKED]), begins_call=True)
    return Route(tuple(emptiest(open_ones)[:ASKED]), begins_call=True)


def _held(name: str | None, replicas: Sequence[Replica]) -> Route:
    holder = tuple(replica for replica in replicas if replica.name == name)
    return Route(holder, lost=not holder)


def _watching(token: str, replicas: Sequence[Replica]) -> Route:
    chosen = [replica for replica in replicas if token in replica.watch]
    named = [replica for replica in replicas if replica.name == replica_of(token)]
    if chosen or named:
        return Route(tuple(dict.fromkeys([*chosen, *named])), may_be_elsewhere=True)
    return Route(tuple(ranked(token, replicas)[:ASKED]), may_be_elsewhere=True, lost=not replicas)


def _first_with(replicas: Sequence[Replica], room: str, open_ones: Sequence[Replica]) -> tuple[Replica, ...]:
    """Return who holds a room, alone: its people have to be together; else where it would begin."""
    holder = [replica for replica in replicas if room in replica.rooms]
    return tuple(holder[:1] or ranked(room, open_ones)[:ASKED])

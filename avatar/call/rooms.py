"""The rooms of a server: one is there as long as anybody is in it.

All calls of a room are made in one process: each is sent the others' packets as they are encoded. Whoever spreads calls
over processes keeps those with the same room together: `RoomWish.room` is the key.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from avatar.call.names import NewName, new_name
from avatar.call.room import Room, Seat
from avatar.call.watchers import Watchers
from avatar.errors import AvatarError, ServerFullError

ROOM_ID: Final = r"^[A-Za-z0-9_-]{16,64}$"
"""An id that can be long enough not to be guessed: whoever knows it may come in."""


@dataclass(frozen=True, slots=True)
class RoomWish:
    """Which room a call is to be in, and as whom."""

    room: str
    """Its id. Calls with the same belong in one process."""
    name: str = ""
    """What the others call one."""


class Rooms:
    """Every room that somebody is in. Used on the event loop only."""

    def __init__(self, most: int, members: int, *, new_name: NewName = new_name) -> None:
        """Hold up to `most` rooms of up to `members` people each; `new_name` names views."""
        self._most, self._members, self._new_name = most, members, new_name
        self._rooms: dict[str, Room] = {}

    def take_seat(self, wish: RoomWish) -> Seat:
        """Return a place in a room, which begins with the first. It is kept until it is left.

        Raises:
            RoomFullError: everybody is there whom the room has a place for.
            ServerFullError: there are too many rooms.
            AvatarError: `bad_room`, the id is none; `rooms_off`, this server has no rooms.
        """
        if self._most == 0:
            raise AvatarError("This server has no rooms. Its operator can allow them with --rooms.", code="rooms_off")
        if re.fullmatch(ROOM_ID, wish.room) is None:
            raise AvatarError("A room's id is 16 to 64 letters, digits, - or _.", code="bad_room")
        room = self._rooms.get(wish.room)
        if room is None:
            if len(self._rooms) >= self._most:
                raise too_many_rooms(self._most)
            room = Room(self._members, on_empty=lambda: self._forget(wish.room), new_name=self._new_name)
            self._rooms[wish.room] = room
        return room.take_seat(wish.name)

    def names(self, room_id: str) -> list[str]:
        """Return who is in a room, "" for those who gave no name; nobody where there is no such room (yet)."""
        room = self._rooms.get(room_id)
        return [] if room is None else room.names

    def find_watchers(self, token: str) -> Watchers | None:
        """Return the way to see somebody in a room that this token opens; None where there is none (any more)."""
        # Every token is compared, and in the same time: it is a secret.
        asked = token.encode()
        views = [view for room in self._rooms.values() for view in room.views]
        found = [view for view in views if hmac.compare_digest(view.token.encode(), asked)]
        return found[0].watchers if found else None

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of those that somebody is in, or on the way to."""
        return tuple(self._rooms)

    @property
    def people(self) -> Counter[str]:
        """Return how many are in each room, or on the way to it."""
        return Counter({room_id: len(room) for room_id, room in self._rooms.items()})

    @property
    def members(self) -> int:
        """How many people a room has places for."""
        return self._members

    def __contains__(self, room_id: str) -> bool:
        """Return whether anybody is in this room, or on the way to it."""
        return room_id in self._rooms

    def __len__(self) -> int:
        return len(self._rooms)

    def _forget(self, room_id: str) -> None:
        del self._rooms[room_id]


def too_many_rooms(most: int) -> ServerFullError:
    """Return the refusal of a room beyond the `most` that a server has."""
    return ServerFullError(f"This server has {most} rooms already. Try again in a moment.")

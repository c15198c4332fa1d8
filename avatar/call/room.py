"""A room: two to four calls whose people see and hear each other, each as their avatar.

Everybody in a room has a call of their own, as anybody has who calls, and sees themselves in it. Each of the others is
one more connection, of the kind that a watcher has: their picture is encoded once, whoever is sent it, and their sound
leaves in step with it. Nobody is sent their own voice.

What lets one see another is a token for these two alone. It is good as long as both are in the room: who has left sees
and hears nobody. The ids of calls and their watch links stay with those whose they are, so nobody can end or record
another's call.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import av

from avatar.call.names import NewName, new_name
from avatar.call.speaking import Speaking
from avatar.call.watchers import Watchers
from avatar.errors import RoomFullError
from avatar.stream.page_reports import Report, RoomMember, RoomMessage
from avatar.stream.page_requests import Devices

LONGEST_NAME: Final = 40
"""Letters."""
_CONTROLS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Categories of Unicode that show nothing, or change how what is around them is shown."""


@dataclass(frozen=True, slots=True)
class MemberCall:
    """What a room needs of the call of one who is in it."""

    send: Callable[[Report], None]
    """Sends a message to who takes part in the call; lost where nobody listens."""
    open_view: Callable[[], Watchers]
    """Returns one more way to watch the call; it ends with the call at the latest."""


@dataclass(frozen=True, slots=True)
class View:
    """The way by which one in the room sees another."""

    token: str
    """Unguessable; known to the one who sees."""
    watchers: Watchers


@dataclass(eq=False)
class Seat:
    """One's place in a room: taken before the call is made, so that the room cannot overflow meanwhile."""

    room: Room
    id: str
    """What the others know one by; it lets nobody do anything."""
    name: str
    call: MemberCall | None = None
    """None until it is connected: until then the others know nothing of it."""
    microphone: bool = True
    camera: bool = True
    speaking: bool = False
    views: dict[Seat, View] = field(default_factory=dict)
    """How one sees each of the others."""
    voice: Speaking = field(default_factory=Speaking)

    def enter(self, call: MemberCall) -> None:
        """Be seen by the others from now on, and see them."""
        self.room.enter(self, call)

    def leave(self) -> None:
        """Be gone: see nobody any more, and be seen by nobody. Idempotent."""
        self.room.leave(self)

    def tell(self) -> None:
        """Send one the state of the room."""
        if self.call is not None:
            self.call.send(self.room.state_for(self))

    def hear(self, frame: av.AudioFrame) -> None:
        """Take what one says, to show who speaks."""
        now_s = self.room.clock()
        self._set_speaking(self.voice.hear(frame, now_s))

    def on_second(self) -> None:
        """Notice that one has stopped speaking whose sound has stopped, too."""
        self._set_speaking(self.speaking and self.voice.at(self.room.clock()))

    def show_devices(self, devices: Devices) -> None:
        """Let the others see whether one's microphone and camera are on."""
        if (devices.microphone, devices.camera) != (self.microphone, self.camera):
            self.microphone, self.camera = devices.microphone, devices.camera
            self.room.tell()

    @property
    def alone(self) -> bool:
        """Whether nobody else is there."""
        return not self.views

    def _set_speaking(self, speaking: bool) -> None:
        if speaking != self.speaking:
            self.speaking = speaking
            self.room.tell()


class Room:
    """Those who are in one room. Used on the event loop only."""

    def __init__(
        self,
        most: int,
        *,
        on_empty: Callable[[], None],
        new_name: NewName = new_name,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare for up to `most` people; `on_empty` is told when the last has left, `new_name` names ways to see."""
        self.most, self.clock = most, clock
        self._on_empty, self._new_name = on_empty, new_name
        self._seats: list[Seat] = []
        """In the order of their coming; those whose call is still being made, too."""
        self._ending: set[asyncio.Task[None]] = set()

    def take_seat(self, name: str) -> Seat:
        """Return a place for one who is called `name`; it is kept until it is left. Raises RoomFullError."""
        if len(self._seats) >= self.most:
            raise RoomFullError(f"All {self.most} places in this room are taken.", retry_after_s=5)
        seat = Seat(self, secrets.token_hex(4), clean_name(name))
        self._seats.append(seat)
        return seat

    def enter(self, seat: Seat, call: MemberCall) -> None:
        """Let one who has a place and those who are there see each other. Idempotent."""
        if seat.call is not None or seat not in self._seats:
            return
        seat.call = call
        for other in self._present():
            if other is not seat and other.call is not None:
                seat.views[other] = View(self._new_name(), other.call.open_view())
                other.views[seat] = View(self._new_name(), call.open_view())
        self.tell()

    def leave(self, seat: Seat) -> None:
        """Give a place back. Idempotent."""
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        ended = [view for one in self._seats if (view := one.views.pop(seat, None)) is not None]
        ended += seat.views.values()
        seat.views, was_there, seat.call = {}, seat.call is not None, None
        for view in ended:
            task = asyncio.create_task(view.watchers.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        if was_there:
            self.tell()
        if not self._seats:
            self._on_empty()

    def tell(self) -> None:
        """Send everybody the state of the room."""
        for seat in self._present():
            seat.tell()

    def state_for(self, seat: Seat) -> RoomMessage:
        """Return what one is told: who is there, and how to see each of the others."""
        return RoomMessage(
            you=seat.id,
            most=self.most,
            members=[
                RoomMember(
                    member=other.id,
                    name=other.name,
                    microphone=other.microphone,
                    camera=other.camera,
                    speaking=other.speaking,
                    whep=f"/whep/{seat.views[other].token}" if other in seat.views else None,
                )
                for other in self._present()
            ],
        )

    @property
    def names(self) -> list[str]:
        """Of those who are there, in the order of their coming; "" for those who gave none."""
        return [seat.name for seat in self._present()]

    @property
    def views(self) -> list[View]:
        """Every way by which one sees another."""
        return [view for seat in self._seats for view in seat.views.values()]

    def __len__(self) -> int:
        return len(self._seats)

    def _present(self) -> list[Seat]:
        return [seat for seat in self._seats if seat.call is not None]


def clean_name(name: str) -> str:
    """Return a name as it can be shown: on one line, of at most `LONGEST_NAME` letters, without what is not seen."""
    seen = "".join(letter for letter in name if letter.isspace() or unicodedata.category(letter) not in _CONTROLS)
    return " ".join(seen.split())[:LONGEST_NAME].rstrip()

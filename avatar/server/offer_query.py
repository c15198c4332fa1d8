"""What an offer of a call may ask for in its address."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from avatar.call.modes import Mode
from avatar.call.room import clean_name
from avatar.call.rooms import ROOM_ID, RoomWish
from avatar.config import SIDES
from avatar.types import Drive

Side = Annotated[int | None, Field(description=f"Pixels; {SIDES}.")]


class OfferQuery(BaseModel):
    """The query of `POST /whip`."""

    avatar: str = Field(max_length=64, description="The avatar to be.")
    width: Side = None
    height: Side = None
    fps: int | None = Field(
        None,
        ge=1,
        le=60,
        description="Pictures a second while no camera sets the pace; the server has its limit.",
    )
    mode: Mode = Field(
        "avatar",
        description="`echo` returns the camera picture, to measure the way; in `bot` a program speaks, as "
        "docs/protocol.md says.",
    )
    drive: Drive = Field("camera", description="What moves the avatar as the call begins.")
    watch: str | None = Field(
        None,
        pattern="^[A-Za-z0-9_-]{16,64}$",
        description="The end of its watch link, 16 to 64 letters, digits, - or _: choose one that nobody can guess. "
        "Else the server does.",
    )
    background: str | None = Field(
        None,
        max_length=64,
        description="What is behind the avatar: keep, blur, #RRGGBB, the id of an uploaded picture, or transparent, "
        "which doubles the picture's width for its matte; the server's when left out.",
    )
    room: str | None = Field(
        None,
        pattern=ROOM_ID,
        description="Join the room of this id, 16 to 64 letters, digits, - or _, or begin it: choose one that nobody "
        "can guess. Its people see and hear each other (docs/group-calls.md).",
    )
    name: str = Field("", description="What the others in the room call one: the first 40 letters are taken.")

    @property
    def room_wish(self) -> RoomWish | None:
        """Return the room to join, and as whom; None: none."""
        return None if self.room is None else RoomWish(self.room, clean_name(self.name))

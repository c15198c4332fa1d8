"""/api/rooms: who is in a room, for whoever has its link and thinks of coming in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from avatar.call.rooms import ROOM_ID
from avatar.config import LimitSettings
from avatar.server.call_registry import CallRegistry
from avatar.server.schemas import RoomAnswer, problems

RoomId = Annotated[str, Path(pattern=ROOM_ID, description="16 to 64 letters, digits, - or _: the end of its link.")]


def room_routes(calls: CallRegistry, limits: LimitSettings) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/rooms", tags=["rooms"])

    @router.get("/{room_id}", responses=problems({401: "A token is needed."}))
    async def room(room_id: RoomId) -> RoomAnswer:
        """Return who is in a room. One that nobody is in yet begins with the first call that names it."""
        return RoomAnswer(names=await calls.room_names(room_id), most=limits.room_members if limits.rooms else 0)

    return router

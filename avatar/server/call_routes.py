"""/api/calls: what whoever holds a call's id may know of it: the link it is watched by, and by how many."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from avatar.server.call_registry import CallRegistry
from avatar.server.schemas import CallAnswer, problems
from avatar.server.whip_routes import CallId, unknown_call


def call_routes(calls: CallRegistry) -> APIRouter:
    """Return the routes. The id in the address is what lets one in."""
    router = APIRouter(prefix="/api/calls", tags=["calls"])

    @router.get(
        "/{call_id}",
        response_model=CallAnswer,
        responses=problems({404: "No such call (any more): `unknown_call`."}),
    )
    async def running(call_id: CallId) -> CallAnswer | Response:
        """Return the links by which a running call can be watched."""
        call = calls.get(call_id)
        if call is None:
            return unknown_call()
        token = call.watch_token
        return CallAnswer(watch=f"/watch/{token}", whep=f"/whep/{token}", watchers=await call.watchers.count())

    return router

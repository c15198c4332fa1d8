"""/api/calls/ID/recording: record a call into a file on the server, where its operator lets that be."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from avatar.media.recording import RecordingState
from avatar.server.audit import note
from avatar.server.call_registry import CallRegistry
from avatar.server.problems import problem
from avatar.server.schemas import RecordingAnswer, problems
from avatar.server.whip_routes import CallId, unknown_call

_UNKNOWN: Final = {404: "No such call (any more), or no recording of it: `unknown_call`, `no_recording`."}


def recording_routes(calls: CallRegistry) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/calls/{call_id}/recording", tags=["calls"])

    @router.post(
        "",
        status_code=201,
        response_model=RecordingAnswer,
        responses=problems(
            {
                401: "A token is needed.",
                403: "The server records nothing: `recording_off`.",
                404: "No such call (any more): `unknown_call`.",
                409: "It is being recorded already: `recording_runs`.",
                507: "The file cannot be written, or there are as many recordings as may be: `recording_failed`.",
            }
        ),
    )
    async def start(call_id: CallId, request: Request) -> RecordingAnswer | Response:
        """Record a call from now on; who takes part in it is told. It ends with the call at the latest."""
        call = calls.get(call_id)
        if call is None:
            return unknown_call()
        state = await call.recording.start()
        note(request, file=state.path.name)
        return _answer(state)

    @router.get("", response_model=RecordingAnswer, responses=problems(_UNKNOWN))
    async def read(call_id: CallId) -> RecordingAnswer | Response:
        """Return how far the recording has come."""
        call = calls.get(call_id)
        if call is None:
            return unknown_call()
        return _no_recording() if (state := await call.recording.read()) is None else _answer(state)

    @router.delete("", response_model=RecordingAnswer, responses=problems(_UNKNOWN))
    async def end(call_id: CallId, request: Request) -> RecordingAnswer | Response:
        """End the recording; the file stays where the operator keeps it."""
        call = calls.get(call_id)
        if call is None:
            return unknown_call()
        state = await call.recording.stop()
        if state is None:
            return _no_recording()
        note(request, file=state.path.name, seconds=round(state.seconds, 1))
        return _answer(state)

    return router


def _answer(state: RecordingState) -> RecordingAnswer:
    return RecordingAnswer(
        file=state.path.name if state.kept else None,
        seconds=round(state.seconds, 3),
        pictures=state.pictures,
        dropped=state.dropped,
        state="ended" if state.ended else "running",
        failure=state.failure,
    )


def _no_recording() -> Response:
    return problem(404, "no_recording", "This call has not been recorded. POST to this address to begin.")

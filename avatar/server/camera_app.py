"""The control page of `avatar camera`: what it shows and what it may ask, for this machine alone.

The page speaks the call's own messages (`stream.page_requests`, `page_reports`), by HTTP: there is no call.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from avatar.call.backgrounds import call_background
from avatar.config import Background, LimitSettings
from avatar.errors import AvatarError, ControlError
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.resources import resource_folder
from avatar.server.auth import bearer_guard
from avatar.server.background_routes import background_routes
from avatar.server.bodies import read_body
from avatar.server.headers import HeadersMiddleware
from avatar.server.origins import OriginMiddleware, rules_of
from avatar.server.problems import answer_errors_as_problems
from avatar.server.schemas import AvatarAnswer, AvatarsAnswer, CameraAnswer, CameraNote
from avatar.stream.page_requests import REQUESTS, Calibrate, Devices, GiveCue, SetAvatar, SetBackground
from avatar.virtual_camera.broadcast_state import BroadcastState

PREVIEW_SIZE: Final = 256
"""Pixels of a face's preview."""


class CameraControls(Protocol):
    """What the page controls; `virtual_camera.broadcast.Broadcast` is the one in use. Nothing of it blocks."""

    def state(self) -> BroadcastState:
        """Return how it goes."""
        ...

    def show_face(self, index: int) -> None:
        """Show one of the faces. Raises AvatarError."""

    def show_background(self, background: Background) -> None:
        """Put something else behind the avatar. Raises AvatarError."""

    def calibrate(self) -> None:
        """Take the driver's resting face anew."""

    def direct(self, words: str) -> None:
        """Show what a cue says. Raises CueError."""

    def mute(self, muted: bool) -> None:
        """Let nobody hear the driver, or let them."""


def create_camera_app(
    controls: CameraControls,
    backgrounds: BackgroundLibrary,
    limits: LimitSettings,
    token: str,
    preview: Callable[[str], bytes],
) -> FastAPI:
    """Return the application, all of which but the page's files needs `token` as a bearer token.

    Pictures of faces, which a page shows by their address alone, need a key in it that the list of faces gives.
    `preview` returns a JPEG picture of a face, and raises AvatarError; it blocks.
    """
    app = FastAPI(title="Avatar camera", docs_url=None, redoc_url=None, openapi_url=None)
    answer_errors_as_problems(app)
    rules = rules_of("127.0.0.1", hosts=(), origins=(), guarded=False, tls=False)
    app.add_middleware(OriginMiddleware, rules=rules)
    app.add_middleware(HeadersMiddleware, rules=rules)
    guard = bearer_guard(token)
    key = secrets.token_urlsafe(16)
    router = APIRouter(prefix="/api")

    @router.get("/camera", dependencies=[Depends(guard)])
    async def camera() -> CameraAnswer:
        return _answer(controls.state())

    @router.post("/camera", dependencies=[Depends(guard)], status_code=204)
    async def ask(request: Request) -> None:
        text = (await read_body(request, limits.control_bytes)).decode("utf-8", "replace")
        match REQUESTS.read(text, limit_bytes=limits.control_bytes):
            case SetAvatar(avatar):
                controls.show_face(_face_number(avatar))
            case SetBackground(background):
                controls.show_background(await call_background(background, backgrounds.get))
            case Calibrate():
                controls.calibrate()
            case GiveCue(words):
                controls.direct(words)
            case Devices(microphone):
                controls.mute(not microphone)
            case _:
                raise ControlError("This is for calls: a camera has no such thing.")

    @router.get("/avatars", dependencies=[Depends(guard)])
    async def faces() -> AvatarsAnswer:
        return AvatarsAnswer(
            avatars=[
                AvatarAnswer(
                    id=f"face-{number}",
                    name=face.rsplit("/", 1)[-1].rsplit("\\", 1)[-1].removesuffix(".avatar"),
                    kind="builtin",
                    preview=f"/api/avatars/face-{number}/preview.jpg?key={key}",
                    width=PREVIEW_SIZE,
                    height=PREVIEW_SIZE,
                )
                for number, face in enumerate(controls.state().faces)
            ]
        )

    @router.get("/avatars/{avatar_id}/preview.jpg", response_class=Response)
    async def picture(
        avatar_id: Annotated[str, Path(max_length=64)], given: Annotated[str, Query(alias="key", max_length=64)] = ""
    ) -> Response:
        shown, number = controls.state().faces, _face_number(avatar_id)
        if not 0 <= number < len(shown) or not secrets.compare_digest(given.encode(), key.encode()):
            raise _unknown_face()
        jpeg = await asyncio.to_thread(preview, shown[number])
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})

    app.include_router(router)
    app.include_router(background_routes(backgrounds, limits), dependencies=[Depends(guard)])
    client = resource_folder("client")

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(client / "camera.html", media_type="text/html")

    app.mount("/client", StaticFiles(directory=client), name="client")
    return app


def _face_number(avatar_id: str) -> int:
    number = avatar_id.removeprefix("face-")
    if not (number.isascii() and number.isdecimal() and len(number) < 5):
        raise _unknown_face()
    return int(number)


def _unknown_face() -> AvatarError:
    return AvatarError("There is no such face: name it by --avatar.", code="unknown_avatar")


def _answer(state: BroadcastState) -> CameraAnswer:
    figures = state.figures
    return CameraAnswer(
        face=f"face-{state.face}",
        background=state.background if state.background.startswith("#") else state.background.rsplit("/", 1)[-1],
        muted=state.muted,
        follows_face=state.follows_face,
        sight=state.sight,
        fps=round(figures.fps, 1),
        latency_ms=figures.latency_ms,
        latency_ms_p95=figures.latency_ms_p95,
        notes=[CameraNote(number=number, text=text) for number, text in state.notes],
    )

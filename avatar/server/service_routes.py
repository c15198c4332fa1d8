"""The server about itself: configuration, health, metrics, documentation, and the page with its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from avatar import __version__
from avatar.config import ServerSettings, TrustSettings
from avatar.server.access import Gate
from avatar.server.call_registry import CallRegistry
from avatar.server.docs_page import STYLE, docs_page
from avatar.server.metrics import CONTENT_TYPE, Metrics
from avatar.server.schemas import ConfigAnswer, HealthAnswer, IceServerAnswer, LimitsAnswer, PictureAnswer, problems
from avatar.stream.ice_servers import ice_servers


def service_routes(
    settings: ServerSettings, calls: CallRegistry, metrics: Metrics, gate: Gate, *, live_check: bool = False
) -> APIRouter:
    """Return /api/config, /healthz and /metrics; `gate` knows who is told the password of TURN servers.

    `live_check`: people can be checked before their camera.
    """
    router = APIRouter(tags=["server"])

    @router.get("/api/config", response_model_exclude_none=True)
    async def config(request: Request) -> ConfigAnswer:
        """Return what a page has to know of this server."""
        servers = ice_servers(settings.transport)
        known = [server for server in servers if server.credential is None or gate.may(request, "call")]
        limits, picture = settings.limits, settings.picture
        return ConfigAnswer(
            version=__version__,
            max_upload_bytes=limits.upload_bytes,
            max_photos=limits.photos,
            ice_servers=[
                IceServerAnswer(urls=server.url, username=server.username, credential=server.credential)
                for server in known
            ],
            picture=PictureAnswer(
                width=picture.width,
                height=picture.height,
                fps=picture.fps,
                label=picture.label_place if picture.label is not None else None,
            ),
            limits=LimitsAnswer(
                sessions=calls.snapshot().limit,
                room_members=limits.room_members if limits.rooms else 0,
                upload_pixels=limits.upload_pixels,
                upload_pixels_together=limits.upload_pixels_together,
                idle_s=limits.idle_s,
                call_s=limits.call_s,
            ),
            consent_required=bool(settings.trust.require_consent) and settings.trust.stated is None,
            live_check=_live_check(settings.trust, possible=live_check),
            token_required=gate.asks_for_token,
        )

    @router.get("/healthz")
    async def health() -> HealthAnswer:
        """Answer that the server is up."""
        return HealthAnswer(status="ok", version=__version__, sessions=calls.snapshot().active)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **problems({401: "A token is needed."})},
    )
    async def prometheus() -> Response:
        """Return the measurements in Prometheus' text format."""
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return router


def _live_check(trust: TrustSettings, *, possible: bool) -> Literal["off", "offered", "required"]:
    if trust.require_consent == "live":
        return "required"
    return "offered" if possible else "off"


def add_page(app: FastAPI, client: Path, on_visit: Callable[[], None]) -> None:
    """Serve the page from the folder `client`, and the documentation of `app`; `on_visit` is told of who may call."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        on_visit()
        return FileResponse(client / "index.html", media_type="text/html")

    @app.get("/watch/{token}", include_in_schema=False)
    async def watch_page() -> FileResponse:
        return FileResponse(client / "watch.html", media_type="text/html")

    @app.get("/obs", include_in_schema=False)
    async def obs_page() -> FileResponse:
        return FileResponse(client / "obs.html", media_type="text/html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    @app.get("/docs/style.css", include_in_schema=False)
    async def docs_style() -> Response:
        return Response(STYLE, media_type="text/css")

    app.mount("/client", StaticFiles(directory=client), name="client")

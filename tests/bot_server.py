"""A real server on the loopback interface whose avatars are drawn on plain parts, for programs to connect to."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from avatar.call.registry import Calls
from avatar.config import LimitSettings, PictureSettings, ServerSettings, TransportSettings
from avatar.errors import UnknownAvatarError
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.library import AvatarLibrary
from avatar.sdk.avatar import Avatar
from avatar.sdk.bot_session import BotSession
from avatar.sdk.renderer import RenderParts
from avatar.server.app import create_app

TOKEN = "the server's token"  # noqa: S105 - it guards nothing
SIZE = (128, 128)


@dataclass
class BotServer:
    """Where to connect, and the parts of the next calls."""

    url: str
    calls: Calls
    parts: list[RenderParts] = field(default_factory=list)
    sessions: list[BotSession] = field(default_factory=list)
    running: Any = None

    def connect(self, parts: RenderParts, **how: Any) -> Avatar:
        """Return an avatar that the server will draw with `parts`."""
        self.parts.append(parts)
        return Avatar.connect(self.url, "plain", token=TOKEN, **{"picture": PictureSettings(*SIZE, 30)} | how)

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait until something has happened; fails only if it never does."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise AssertionError("what was waited for has not happened")
            await asyncio.sleep(0.02)


@contextmanager
def bot_server(port: int = 0, **limits: Any) -> Iterator[BotServer]:
    """Run a server in a thread."""
    settings = ServerSettings(
        picture=PictureSettings(*SIZE, 30),
        transport=TransportSettings(loopback_only=True),
        limits=LimitSettings(**{"sessions": 2} | limits),
    )

    async def get_avatar(avatar_id: str) -> Any:
        if avatar_id != "plain":
            raise UnknownAvatarError("The server does not know this avatar.")
        return avatar_id

    def make_session(identity: Any, picture: Any, *, drive: Any, on_picture: Any, on_event: Any) -> BotSession:
        session = BotSession(server.parts.pop(), picture.fps, on_picture=on_picture, on_event=on_event)
        server.sessions.append(session)
        return session

    backgrounds = BackgroundLibrary(settings.limits)
    calls = Calls(settings, get_avatar, get_background=backgrounds.get, sessions={"bot": make_session})
    app = create_app(settings, AvatarLibrary((), settings.limits), calls, backgrounds=backgrounds, token=TOKEN)
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = BotServer(f"http://127.0.0.1:{listening.getsockname()[1]}", calls)
        server.running = uvicorn.Server(
            uvicorn.Config(app, log_config=None, log_level="warning", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.running.started:
            time.sleep(0.01)
        yield server
        server.running.should_exit = True
        thread.join(10)

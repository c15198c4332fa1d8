"""Serves the control page of `avatar camera`: on loopback only, to whoever has its secret link."""

from __future__ import annotations

import contextlib
import functools
import io
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import uvicorn
from PIL import Image

from avatar.config import LimitSettings
from avatar.errors import DeviceError
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.identities.open import open_identity
from avatar.server.camera_app import PREVIEW_SIZE, CameraControls, create_camera_app

HOST: Final = "127.0.0.1"
START_S: Final = 10.0
STOP_S: Final = 5.0


@contextlib.contextmanager
def serving_page(controls: CameraControls, port: int, limits: LimitSettings) -> Iterator[str]:
    """Serve the page within the `with` block; yield its link, whose token nobody can guess.

    `port` 0 chooses a free one. Raises DeviceError: the port is taken.
    """
    token = secrets.token_urlsafe(16)
    try:
        listening = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        raise DeviceError(f"The control page cannot have port {port}: {error}. Choose another.") from error
    backgrounds = BackgroundLibrary(limits)
    app = create_camera_app(controls, backgrounds, limits, token, preview_of)
    # Its own logging set-up would shut every handler there is down, and absl's closes the stream that it writes to.
    config = uvicorn.Config(
        app, log_config=None, log_level="error", access_log=False, timeout_graceful_shutdown=1, proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="avatar-control-page", daemon=True
    )
    with listening, contextlib.closing(backgrounds):
        thread.start()
        end_s = time.monotonic() + START_S
        while not server.started and thread.is_alive() and time.monotonic() < end_s:
            time.sleep(0.01)
        try:
            yield f"http://{HOST}:{listening.getsockname()[1]}/#token={token}"
        finally:
            server.should_exit = True
            thread.join(STOP_S)


@functools.lru_cache(maxsize=32)
def preview_of(face: str) -> bytes:
    """Return a JPEG picture of a face. Raises AvatarError: it cannot be opened here, as one of a server's own."""
    out = io.BytesIO()
    Image.fromarray(open_identity(face).preview(PREVIEW_SIZE)).save(out, "JPEG", quality=85)
    return out.getvalue()
